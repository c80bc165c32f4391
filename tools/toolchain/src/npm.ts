/**
 * npm packages of another architecture, which `npm install` would refuse to put into node_modules.
 *
 * `npm pack` downloads one exact version, checks it against the registry's integrity value and
 * leaves a tarball. The fact readers get wrong: a package's tarball holds everything under
 * `package/`, which is stripped here.
 */
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { cached, type Progress } from './cache.js';
import { CommandError, run } from './command.js';

/** The part of `npm pack --json`'s answer that is used. */
interface Packed {
  readonly filename: string;
  readonly integrity: string;
}

/**
 * Returns the folder of an unpacked npm package (where its package.json lies), from the cache when
 * it was fetched before. `version` must be exact. Throws CommandError when npm cannot fetch it.
 */
export async function npmPackage(
  name: string,
  version: string,
  progress: Progress = () => undefined,
): Promise<string> {
  if (!/^\d+\.\d+\.\d+/.test(version)) {
    throw new CommandError(`fetch ${name}@${version}: the version must be exact`, '');
  }
  const safe = `${name.replace(/^@/, '').replace('/', '+')}@${version}`;
  return cached('npm', safe, async directory => {
    progress(`fetching ${name} ${version}`);
    const packed = `${directory}.tgz.d`;
    await mkdir(packed);
    try {
      const args = ['pack', `${name}@${version}`, '--json', '--pack-destination', packed];
      const answer = await run('npm', args, { cwd: packed, what: `npm pack ${name}@${version}` });
      const [info] = JSON.parse(answer.slice(answer.indexOf('['))) as Packed[];
      if (!info?.integrity) throw new CommandError(`npm pack ${name}: no integrity value`, answer);
      // npm 9 prints a scoped package's file name with its slash; the file on disk has a dash.
      const file = info.filename.replace(/^@/, '').replace(/\//g, '-');
      await run('tar', ['xzf', join(packed, file), '-C', directory, '--strip-components=1']);
    } finally {
      await rm(packed, { recursive: true, force: true });
    }
  });
}
