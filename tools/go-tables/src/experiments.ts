/**
 * Which GOEXPERIMENTs move fields of the tables, by asking the release's own sources with each one
 * set. What a reader would get wrong: a program names an experiment only when it differs from the
 * release's default (`nogreenteagc`), so both an experiment and its negation are tried; and an
 * experiment that moves something is believed only when a program built with it says the same.
 */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { GoToolchain } from '@sonde/toolchain';
import {
  ARCHES,
  type Arch,
  compareWitnesses,
  readDwarf,
  type Readers,
  readSources,
} from './witness.js';

/** A field that an experiment moves: its offsets on x86_64 and arm64, null where it is gone. */
export type Move = readonly [field: string, amd64: number | null, arm64: number | null];

/** What each experiment of one release moves, by name. */
export type ExperimentMoves = Readonly<Record<string, readonly Move[]>>;

type Fields = Readonly<Record<string, number>>;

/** Experiments that a release knows, by the names of their files; empty up to 1.16. */
async function experimentNames(go: GoToolchain): Promise<string[]> {
  const folder = join(go.root, 'src/internal/goexperiment');
  const files = await readdir(folder).catch(() => [] as string[]);
  const names = files.flatMap(file => /^exp_(\w+)_on\.go$/.exec(file)?.[1] ?? []);
  return names.sort().flatMap(name => [name, `no${name}`]);
}

/** Fields of one experiment; undefined where the release refuses it for this architecture. */
async function fieldsWith(
  readers: Readers,
  go: GoToolchain,
  arch: Arch,
  name: string,
): Promise<Fields | undefined> {
  try {
    return (await readSources(readers, go, arch, name)).fields;
  } catch (cause) {
    if (/GOEXPERIMENT/.test((cause as Error).message)) return undefined;
    throw cause;
  }
}

/** Names of fields whose offset differs from the release's own, sorted. */
function moved(own: Fields, other: Fields): string[] {
  const names = new Set([...Object.keys(own), ...Object.keys(other)]);
  return [...names].filter(name => own[name] !== other[name]).sort();
}

/** A second witness for an experiment that moves something. */
async function confirm(
  readers: Readers,
  go: GoToolchain,
  name: string,
  found: ReadonlyMap<Arch, Fields>,
): Promise<void> {
  for (const [arch, fields] of found) {
    const dwarf = await readDwarf(readers, go, arch, name);
    const { differences } = compareWitnesses(dwarf, fields);
    if (differences.length > 0) {
      const { field, dwarf: built, sources } = differences[0]!;
      throw new Error(
        `compare ${go.version} with GOEXPERIMENT=${name} on ${arch}: ${field} is ` +
          `${built} in DWARF and ${sources} by go/types`,
      );
    }
  }
}

/**
 * Tries every experiment of a release. `own` has its fields without one, by architecture.
 * Throws when the witnesses differ on an experiment that moves something.
 */
export async function readExperiments(
  readers: Readers,
  go: GoToolchain,
  own: Readonly<Record<Arch, Fields>>,
): Promise<ExperimentMoves> {
  const moves: Record<string, Move[]> = {};
  for (const name of await experimentNames(go)) {
    const found = new Map<Arch, Fields>();
    for (const arch of ARCHES) {
      const fields = await fieldsWith(readers, go, arch, name);
      if (fields !== undefined) found.set(arch, fields);
    }
    if (found.size === 0) continue;
    const of = (arch: Arch): Fields => found.get(arch) ?? own[arch];
    const names = new Set(ARCHES.flatMap(arch => moved(own[arch], of(arch))));
    if (names.size > 0) await confirm(readers, go, name, found);
    moves[name] = [...names]
      .sort()
      .map(field => [field, of('x86_64')[field] ?? null, of('arm64')[field] ?? null] as const);
  }
  return moves;
}
