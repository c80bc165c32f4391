/**
 * The cache: directories named by what is in them, filled once and never changed.
 *
 * A directory appears by one rename, so a reader never sees half of one, and an interrupted fill
 * leaves only a `.tmp-*` sibling that the next fill sweeps away. The fact readers get wrong: the
 * name is a hash of the *inputs* (a package's verified checksum, a list of sources), so changing an
 * input never invalidates anything; it names another directory.
 */
import { createHash, randomBytes } from 'node:crypto';
import { mkdir, readdir, rename, rm, stat, utimes } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';

/** Receives one short sentence whenever something that takes longer than a moment begins. */
export type Progress = (line: string) => void;

/** How old an abandoned temporary directory must be before another process may remove it. */
const ABANDONED_MS = 60 * 60 * 1000;

/**
 * Returns the folder that holds everything fetched: `$SONDE_CACHE`, else `$XDG_CACHE_HOME/sonde`,
 * else `~/.cache/sonde`. It is not created.
 */
export function cacheRoot(env: NodeJS.ProcessEnv = process.env): string {
  if (env['SONDE_CACHE']) return env['SONDE_CACHE'];
  return join(env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'sonde');
}

/**
 * Returns the first 20 hexadecimal digits of the SHA-256 over the parts. A separator that no part
 * can hold keeps `['ab','c']` and `['a','bc']` apart.
 */
export function contentKey(parts: readonly (string | Uint8Array)[]): string {
  const hash = createHash('sha256');
  for (const part of parts) {
    hash.update(String(part.length) + ':');
    hash.update(part);
  }
  return hash.digest('hex').slice(0, 20);
}

/** Tells whether the path exists, whatever it is. */
export async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}

/**
 * Returns the path of `<cache>/<kind>/<name>`, calling `fill` with an empty temporary directory
 * when it is not there yet. Two processes may fill at once: the first rename wins and the other's
 * work is thrown away. Whatever `fill` throws is passed on, after its directory is removed.
 */
export async function cached(
  kind: string,
  name: string,
  fill: (directory: string) => Promise<void>,
): Promise<string> {
  const parent = join(cacheRoot(), kind);
  const final = join(parent, name);
  if (await exists(final)) {
    const now = new Date();
    await utimes(final, now, now).catch(() => undefined);
    return final;
  }
  await mkdir(parent, { recursive: true });
  await sweep(parent);
  const temporary = join(parent, `.tmp-${name.slice(0, 60)}-${randomBytes(4).toString('hex')}`);
  await mkdir(temporary);
  try {
    await fill(temporary);
    await rename(temporary, final);
  } catch (cause) {
    await rm(temporary, { recursive: true, force: true });
    const code = (cause as NodeJS.ErrnoException).code;
    const lostRace = code === 'ENOTEMPTY' || code === 'EEXIST';
    if (!(lostRace && (await exists(final)))) throw cause;
  }
  return final;
}

async function sweep(parent: string): Promise<void> {
  for (const name of await readdir(parent)) {
    if (!name.startsWith('.tmp-')) continue;
    const path = join(parent, name);
    const info = await stat(path).catch(() => undefined);
    if (info && Date.now() - info.mtimeMs > ABANDONED_MS) {
      await rm(path, { recursive: true, force: true });
    }
  }
}
