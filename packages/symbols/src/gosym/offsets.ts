/**
 * Runtime offsets of a Go release, from the generated tables. What a reader would get wrong: an
 * offset of a neighbouring release is not an answer; a release without a row is refused.
 */
import type { Arch } from '../elf/index.js';
import type { GoRelease } from './release.js';
import { GO_OFFSETS } from './tables/offsets.js';

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
  /** Key of the row, such as `1.26/x86_64`. */
  readonly key: string;
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
  return [...new Set(Object.keys(GO_OFFSETS).map(key => key.slice(0, key.indexOf('/'))))];
}

/**
 * The row for a release. Throws UnknownReleaseError naming the release, or the experiment,
 * where the tables do not hold it.
 */
export function goOffsets(release: GoRelease, arch: Arch): GoOffsets {
  const key = `${release.line}/${arch}`;
  const row = Object.hasOwn(GO_OFFSETS, key) ? GO_OFFSETS[key] : undefined;
  if (row === undefined) {
    throw new UnknownReleaseError(
      `go ${release.line} is not supported yet: no table of its runtime offsets`,
      `supported releases: ${knownReleases().join(', ')}`,
    );
  }
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
    get,
    need(field) {
      const offset = get(field);
      if (offset === undefined) throw new RangeError(`read offset ${field}: not in table ${key}`);
      return offset;
    },
  };
}
