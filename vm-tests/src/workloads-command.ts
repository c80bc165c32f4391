/**
 * `sonde-vm workloads`: builds programs that tests trace, and prints their paths.
 *
 * The fact readers get wrong: the programs that packages bring are built by the default Go release
 * alone; `--go` is about those of Sonde.
 */
import { parseArgs } from 'node:util';
import { goReleases } from '@sonde/toolchain';
import { UsageError, commaList, progress } from './command-line.js';
import { readMatrix, type Architecture } from './matrix.js';
import { buildOwnWorkloads, ownWorkloads } from './own-workloads.js';
import { inWorkspace, probePackages, workspaceRoot } from './surroundings.js';
import { buildWorkloads } from './workloads.js';

/** Packages whose own programs are built, each with the names of those. */
async function ownPackages(): Promise<Map<string, string[]>> {
  const folders = inWorkspace ? probePackages() : [workspaceRoot];
  const packages = new Map<string, string[]>();
  for (const folder of folders) {
    const names = (await ownWorkloads(folder)).map(each => each.name);
    if (names.length > 0) packages.set(folder, names);
  }
  return packages;
}

function chosenArchitectures(words: readonly string[]): Architecture[] {
  const chosen = readMatrix().architectures.filter(
    a => words.length === 0 || words.includes(a.name) || words.includes(a.bpf),
  );
  if (chosen.length === 0) throw new UsageError(`build workloads: no architecture ${words.join()}`);
  return chosen;
}

/** Runs `sonde-vm workloads` and returns its exit code. */
export async function workloadsCommand(args: string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: { arch: { type: 'string' }, go: { type: 'string' } },
  });
  const architectures = chosenArchitectures(commaList(values.arch));
  const all = [undefined, ...Object.keys(goReleases)];
  const some = values.go === undefined ? [undefined] : commaList(values.go);
  const own = await ownPackages();
  const ownNames = [...own.values()].flat();
  const names = positionals.filter(name => !ownNames.includes(name));
  const isAll = positionals.length === 0;
  const print = (paths: string[]): boolean => process.stdout.write(`${paths.join('\n')}\n`);
  for (const architecture of architectures) {
    for (const goRelease of isAll || names.length > 0 ? (values.go === 'all' ? all : some) : []) {
      const release = goRelease === undefined ? {} : { goRelease };
      const chosen = isAll ? {} : { names };
      print(await buildWorkloads({ architecture, progress, ...chosen, ...release }));
    }
    for (const [folder, mine] of own) {
      if (!isAll && !mine.some(name => positionals.includes(name))) continue;
      print(await buildOwnWorkloads(folder, architecture, progress));
    }
  }
  return 0;
}
