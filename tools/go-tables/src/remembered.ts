/**
 * Measurements kept in the toolchain's cache, so that one new line in the manifest costs one
 * release. What a reader would get wrong: the key is everything that a measurement depends on, so
 * nothing is ever invalidated; `verify` and `check` do not come here, they build again.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { cached, contentKey } from '@sonde/toolchain';
import { CONSTANTS, PATHS, TYPES, VARIABLES } from './wanted.js';
import { PROJECT } from './witness.js';

const SOURCES = ['program/main.go', 'dwarf/main.go', 'sources/main.go'];

/**
 * Returns what `measure` returned for the same release and the same sources before, or asks it.
 * The value must survive JSON.
 */
export async function remembered<T>(
  kind: string,
  version: string,
  measure: () => Promise<T>,
): Promise<T> {
  const texts = await Promise.all(SOURCES.map(path => readFile(join(PROJECT, path), 'utf8')));
  const wanted = JSON.stringify([TYPES, VARIABLES, PATHS, CONSTANTS]);
  const key = contentKey([kind, version, wanted, ...texts]);
  const folder = await cached('go-tables', `${kind}-${version}-${key}`, async directory => {
    await writeFile(join(directory, 'measured.json'), JSON.stringify(await measure()));
  });
  return JSON.parse(await readFile(join(folder, 'measured.json'), 'utf8')) as T;
}
