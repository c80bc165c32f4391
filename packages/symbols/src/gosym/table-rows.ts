/**
 * The generated tables as rows, for listings. What a reader would get wrong: a row named after a
 * minor release (`1.24`) is that of its first patch release; patch releases that moved a field
 * have rows of their own behind it (`1.24.6`).
 */
import type { Arch } from '../elf/index.js';
import { goOffsets, knownFields, knownReleases } from './offsets.js';
import { GO_PATCHES } from './tables/layouts.js';

/** Offsets in bytes by `<runtime type>.<field>`; fields that the release lacks are absent. */
export type FieldOffsets = Readonly<Record<string, number>>;

/** One row of the tables. */
export interface TableRow {
  /** `1.24`, or `1.24.6` where that patch release moved a field. */
  readonly release: string;
  /** Minor release that the row belongs to: `1.24`. */
  readonly line: string;
  /** First patch release that the row holds for. */
  readonly patch: number;
  readonly arch: Arch;
  /** Sorted by key. */
  readonly fields: FieldOffsets;
}

const ARCHES: readonly Arch[] = ['x86_64', 'arm64'];

function fieldsOf(line: string, patch: number, arch: Arch, names: readonly string[]): FieldOffsets {
  const minor = Number(line.slice(line.indexOf('.') + 1));
  const offsets = goOffsets({ name: `go${line}`, minor, patch, line, experiments: [] }, arch);
  const fields: Record<string, number> = {};
  for (const name of names) {
    const offset = offsets.get(name);
    if (offset !== undefined) fields[name] = offset;
  }
  return fields;
}

function sameFields(a: FieldOffsets, b: FieldOffsets): boolean {
  const keys = Object.keys(a);
  return keys.length === Object.keys(b).length && keys.every(key => a[key] === b[key]);
}

/** All rows by ascending release, x86_64 before arm64. Costs one pass over the tables. */
export function tableRows(): TableRow[] {
  const names = knownFields();
  const rows: TableRow[] = [];
  for (const line of knownReleases()) {
    for (const arch of ARCHES) {
      let last: FieldOffsets | undefined;
      for (const patch of GO_PATCHES[line]!) {
        const fields = fieldsOf(line, patch, arch, names);
        if (last !== undefined && sameFields(last, fields)) continue;
        const release = last === undefined ? line : `${line}.${patch}`;
        rows.push({ release, line, patch, arch, fields });
        last = fields;
      }
    }
  }
  const order = (row: TableRow): number => knownReleases().indexOf(row.line) * 1000 + row.patch;
  return rows.sort((a, b) => order(a) - order(b));
}
