/**
 * Runtime offsets, constants and wait reasons of a Go release, from the generated tables. What a
 * reader would get wrong: even a patch release can move a field (1.23.12 and 1.24.6 moved m.ncgo),
 * so every lookup is by patch; and where nobody could tell which of several patches moved a field,
 * that field has no answer for the patches in between.
 */
import type { Arch } from '../elf/index.js';
import type { GoRelease } from './release.js';
import { CONSTANT_HISTORY } from './tables/constants.js';
import { EXPERIMENT_MOVES } from './tables/experiments.js';
import { FIELD_HISTORY, GO_PATCHES, type HistoryRow } from './tables/layouts.js';
import { WAIT_REASONS } from './tables/wait-reasons.js';

/** A Go release, or one of its experiments, that the tables do not hold. */
export class UnknownReleaseError extends Error {
  override readonly name = 'UnknownReleaseError';
  /** What to do about it. */
  readonly hint: string;

  constructor(message: string, hint: string) {
    super(message);
    this.hint = hint;
  }
}

/** Byte offsets of one release on one architecture. */
export interface GoOffsets {
  /** Key of the row, such as `1.26.0/x86_64`: the patch release that it holds from. */
  readonly key: string;
  /** By which means the row is known to hold for this release, in words for reports. */
  readonly rung: string;
  /** Offset by `<runtime type>.<field>`; undefined where the release lacks the field. */
  get(field: string): number | undefined;
  /**
   * The same, for fields that the caller cannot do without. Throws a RangeError where the release
   * lacks the field, and UnknownReleaseError where nobody knows which patch moved it.
   */
  need(field: string): number;
}

/** Integer constants of one release on one architecture, by today's name in Go's sources. */
export interface GoConstants {
  /** Undefined where the release lacks the constant, such as `_KindSpecialCleanup` before 1.24. */
  get(name: string): number | undefined;
  /** The same; throws a RangeError where the release lacks it. */
  need(name: string): number;
}

/** The minor releases that the tables hold, ascending, such as `1.24`. */
export function knownReleases(): string[] {
  return Object.keys(GO_PATCHES);
}

/** Every field that some release has, sorted: `<runtime type>.<field>`. */
export function knownFields(): string[] {
  return Object.keys(FIELD_HISTORY);
}

/** Numbers that order releases: the minor one, then the patch. */
type Version = readonly [minor: number, patch: number];

/** Few releases name many rows: each name is parsed once. */
const parsed = new Map<string, Version>();

function parseSince(since: string): Version {
  const known = parsed.get(since);
  if (known !== undefined) return known;
  const [, minor = 0, patch = 0] = since.split('.').map(Number);
  const version = [minor, patch] as const;
  parsed.set(since, version);
  return version;
}

function isAtMost(a: Version, b: Version): boolean {
  return a[0] < b[0] || (a[0] === b[0] && a[1] <= b[1]);
}

const COLUMN: Readonly<Record<Arch, 1 | 2>> = { x86_64: 1, arm64: 2 };

/** The value of the last row that starts at or before a version. */
function valueAt(rows: readonly HistoryRow[], version: Version, arch: Arch): number | undefined {
  const row = rows.findLast(([since]) => isAtMost(parseSince(since), version));
  return row?.[COLUMN[arch]] ?? undefined;
}

/** The patches that were read on both sides of a release; equal where it was read itself. */
function neighbours(release: GoRelease): { below: Version; above: Version } | undefined {
  const patches = Object.hasOwn(GO_PATCHES, release.line) ? GO_PATCHES[release.line]! : [];
  const below = patches.findLast(patch => patch <= release.patch);
  if (below === undefined) return undefined;
  const above = patches.find(patch => patch >= release.patch) ?? below;
  return { below: [release.minor, below], above: [release.minor, above] };
}

function unknownRelease(release: GoRelease): UnknownReleaseError {
  return new UnknownReleaseError(
    `go ${release.line} is not supported yet: no table of its runtime offsets`,
    `supported releases: ${knownReleases().join(', ')}`,
  );
}

/** The release from which everything in force for a version holds, such as `1.24.6`. */
function rowName(release: GoRelease, below: Version): string {
  let patch = 0;
  for (const rows of Object.values(FIELD_HISTORY)) {
    for (const [since] of rows) {
      const [minor, from] = parseSince(since);
      if (minor === below[0] && from <= below[1]) patch = Math.max(patch, from);
    }
  }
  return `${release.line}.${patch}`;
}

/** Fields that the release's experiments move; throws for what the tables cannot answer. */
function experimentMoves(
  release: GoRelease,
  below: Version,
): (readonly [string, number | null, number | null])[] {
  const known = EXPERIMENT_MOVES[release.line] ?? {};
  const refuse = (names: string, why: string): UnknownReleaseError =>
    new UnknownReleaseError(
      `${release.name} is not supported yet: GOEXPERIMENT ${names} ${why}`,
      `build the program without GOEXPERIMENT=${names}`,
    );
  const names = release.experiments;
  const unknown = names.find(name => !Object.hasOwn(known, name));
  if (unknown !== undefined) throw refuse(unknown, 'is not one that the tables know');
  const moving = names.filter(name => known[name]!.length > 0);
  if (moving.length > 1) throw refuse(moving.join(','), 'move runtime fields together');
  // Experiments were tried with a late patch of each line; their offsets hold for its row alone.
  const last: Version = [release.minor, GO_PATCHES[release.line]!.at(-1)!];
  if (moving.length > 0 && rowName(release, below) !== rowName(release, last)) {
    throw refuse(
      moving[0]!,
      `moves runtime fields, and was not tried with ${release.line}'s older rows`,
    );
  }
  return moving.flatMap(name => [...known[name]!]);
}

/** The ladder's rung, by what was built of this minor release. */
function rungFor(release: GoRelease, key: string, unplaced: number): string {
  const patches = GO_PATCHES[release.line]!;
  const experiments =
    release.experiments.length > 0 ? ` with ${release.experiments.join(',')}` : '';
  if (patches.includes(release.patch)) return `exact table ${key}${experiments}`;
  const newer = patches.some(patch => patch > release.patch);
  const except = unplaced > 0 ? ` but for ${unplaced} fields` : '';
  if (newer) return `table ${key}${experiments}, unchanged on both sides${except}`;
  const last = `${release.line}.${patches.at(-1)}`;
  return `table ${key}${experiments}, newer than the last patch that was read (${last})`;
}

/** All fields of one release; those that moved between its neighbours are left out. */
function readRow(release: GoRelease, arch: Arch, below: Version, above: Version) {
  const row = new Map<string, number>();
  const unplaced = new Set<string>();
  for (const [field, rows] of Object.entries(FIELD_HISTORY)) {
    const offset = valueAt(rows, below, arch);
    if (offset !== valueAt(rows, above, arch)) unplaced.add(field);
    else if (offset !== undefined) row.set(field, offset);
  }
  for (const move of experimentMoves(release, below)) {
    const offset = move[COLUMN[arch]];
    if (offset === null) row.delete(move[0]);
    else row.set(move[0], offset);
  }
  return { row, unplaced };
}

/**
 * The offsets of a release. Throws UnknownReleaseError naming the release, or the experiments,
 * where the tables do not hold them. Costs one pass over the tables.
 */
export function goOffsets(release: GoRelease, arch: Arch): GoOffsets {
  const around = neighbours(release);
  if (around === undefined) throw unknownRelease(release);
  const { row, unplaced } = readRow(release, arch, around.below, around.above);
  const key = `${rowName(release, around.below)}/${arch}`;
  return {
    key,
    rung: rungFor(release, key, unplaced.size),
    get: field => row.get(field),
    need(field) {
      const offset = row.get(field);
      if (offset !== undefined) return offset;
      if (unplaced.has(field)) {
        throw new UnknownReleaseError(
          `${release.name} is not supported yet: a patch of ${release.line} that could not be ` +
            `read moved ${field}, before it or after`,
          `patches that were read: ${GO_PATCHES[release.line]!.join(', ')}`,
        );
      }
      throw new RangeError(`read offset ${field}: not in table ${key}`);
    },
  };
}

/** The constants of a release. Throws UnknownReleaseError for a release without tables. */
export function goConstants(release: GoRelease, arch: Arch = 'x86_64'): GoConstants {
  const around = neighbours(release);
  if (around === undefined) throw unknownRelease(release);
  const get = (name: string): number | undefined =>
    Object.hasOwn(CONSTANT_HISTORY, name)
      ? valueAt(CONSTANT_HISTORY[name]!, around.below, arch)
      : undefined;
  return {
    get,
    need(name) {
      const value = get(name);
      if (value === undefined) {
        throw new RangeError(`read constant ${name}: not in the tables of Go ${release.line}`);
      }
      return value;
    },
  };
}

/**
 * What g.waitreason says in words, such as `chan receive`; undefined for a number that the release
 * does not have, and for a release without tables.
 */
export function waitReasonText(release: GoRelease, reason: number): string | undefined {
  const around = neighbours(release);
  if (around === undefined) return undefined;
  const row = WAIT_REASONS.findLast(([since]) => isAtMost(parseSince(since), around.below));
  return row?.[1][reason];
}
