/**
 * Runtime offsets of a Go release, from the generated tables. What a reader would get wrong: even
 * a patch release can move a field (1.24.6 moved m.ncgo), so rows are looked up by patch; and an
 * offset of a neighbouring minor release is not an answer: one without a row is refused.
 */
import type { Arch } from '../elf/index.js';
import type { GoRelease } from './release.js';
import { GO_OFFSETS, GO_PATCHES } from './tables/offsets.js';

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
  /** The same, for fields that every release of the tables has; throws a RangeError otherwise. */
  need(field: string): number;
}

/**
 * Experiments that move fields of the tables (measured with each release's compiler: of those
 * that can be set, only this one moves fields that the tables hold).
 */
const MOVING_EXPERIMENTS: readonly string[] = ['staticlockranking'];

/** The minor releases that the tables hold, ascending, such as `1.24`. */
export function knownReleases(): string[] {
  return Object.keys(GO_PATCHES);
}

/** The row in force for a patch release: the last one that starts at or before it. */
function rowFor(release: GoRelease, arch: Arch): string | undefined {
  const patches = Object.hasOwn(GO_PATCHES, release.line) ? GO_PATCHES[release.line]! : [];
  return patches
    .filter(patch => patch <= release.patch)
    .map(patch => `${release.line}.${patch}/${arch}`)
    .findLast(key => Object.hasOwn(GO_OFFSETS, key));
}

/** The ladder's rung, by what was built of this minor release. */
function rungFor(release: GoRelease, key: string): string {
  const patches = GO_PATCHES[release.line]!;
  if (patches.includes(release.patch)) return `exact table ${key}`;
  const newer = patches.some(patch => patch > release.patch);
  if (newer) return `table ${key}, unchanged on both sides`;
  const last = `${release.line}.${patches.at(-1)}`;
  return `table ${key}, newer than the last patch that was read (${last})`;
}

/**
 * The row for a release. Throws UnknownReleaseError naming the release, or the experiment,
 * where the tables do not hold it.
 */
export function goOffsets(release: GoRelease, arch: Arch): GoOffsets {
  const key = rowFor(release, arch);
  if (key === undefined) {
    throw new UnknownReleaseError(
      `go ${release.line} is not supported yet: no table of its runtime offsets`,
      `supported releases: ${knownReleases().join(', ')}`,
    );
  }
  const row = GO_OFFSETS[key]!;
  const moving = release.experiments.find(name => MOVING_EXPERIMENTS.includes(name));
  if (moving !== undefined) {
    throw new UnknownReleaseError(
      `${release.name} is not supported yet: GOEXPERIMENT ${moving} moves runtime fields`,
      `build the program without GOEXPERIMENT=${moving}`,
    );
  }
  const get = (field: string): number | undefined =>
    Object.hasOwn(row, field) ? row[field] : undefined;
  return {
    key,
    rung: rungFor(release, key),
    get,
    need(field) {
      const offset = get(field);
      if (offset === undefined) throw new RangeError(`read offset ${field}: not in table ${key}`);
      return offset;
    },
  };
}
