/**
 * Measures releases one after the other: a build and a type check for each architecture. What a
 * reader would get wrong: a release whose witnesses differ is not measured at all; the run stops.
 */
import { goToolchain, type GoReleaseEntry, type GoToolchain } from '@sonde/toolchain';
import { type MeasuredRelease, splitVersion } from './history.js';
import {
  ARCHES,
  type Arch,
  compareWitnesses,
  type Measured,
  readDwarf,
  type Readers,
  readSources,
} from './witness.js';

/** Receives a line for people. */
export type Say = (line: string) => void;

async function measureOne(readers: Readers, go: GoToolchain, arch: Arch, say: Say) {
  const sources = await readSources(readers, go, arch);
  const dwarf = await readDwarf(readers, go, arch);
  const { differences, alone, compared } = compareWitnesses(dwarf, sources.fields);
  for (const { field, dwarf: built, sources: checked } of differences) {
    say(`  ${field}: ${built ?? 'none'} in DWARF, ${checked ?? 'none'} by go/types`);
  }
  if (differences.length > 0) {
    throw new Error(
      `compare ${go.version} on ${arch}: the witnesses differ on ${differences.length} fields`,
    );
  }
  if (alone.length > 0) {
    throw new Error(
      `read DWARF of ${go.version} on ${arch}: the linker dropped ${alone.join(', ')}; ` +
        'make program/main.go reach it',
    );
  }
  const counts = `${compared} fields by both witnesses, 0 differences`;
  say(`${go.version} ${arch}: ${counts}, ${Object.keys(sources.constants).length} constants`);
  return sources;
}

/** Measures one release on both architectures. Throws CommandError where it cannot be fetched. */
export async function measureRelease(
  readers: Readers,
  entry: GoReleaseEntry,
  say: Say,
): Promise<MeasuredRelease> {
  const go = await goToolchain(entry.version, say);
  const of: Partial<Record<Arch, Measured>> = {};
  for (const arch of ARCHES) of[arch] = await measureOne(readers, go, arch, say);
  const { line, patch } = splitVersion(entry.version);
  return { version: entry.version, line, patch, of: of as Record<Arch, Measured> };
}
