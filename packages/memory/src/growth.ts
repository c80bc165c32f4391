/**
 * Where the resident set grew, from beginning to end of the window: each part by its own witness,
 * and what no witness explains. The fact a reader gets wrong: held C bytes are not resident bytes.
 * What the C heap may explain of RSS is the resident, newly touched part of its live pages; what
 * the Go heap may explain is the larger of its in-use and its kept growth, because a collection
 * moves memory between the two without giving it back.
 */
import type { MemorySample } from './observation.js';
import type { PageShare } from './page-census.js';
import { clip, growthOf, swingOf, type Series } from './trend.js';

/** Below this, growth that nobody explains is noise of start-up, stacks and page tables. */
export const NOT_EXPLAINED_MIN_BYTES = 4 * 1024 * 1024;
/** ... and so it is below this share of what RSS grew by. */
const NOT_EXPLAINED_SHARE = 0.25;
/** Growth that has less than this share of itself in the second half has stopped. */
const LATE_SHARE = 0.2;

/** Growth by part over the window, in bytes; a part nobody could watch is absent. */
export interface Growth {
  readonly rssBytes: number;
  readonly anonBytes: number;
  readonly fileBytes: number;
  readonly shmemBytes: number;
  /** Requested bytes that the C heap holds more at the end than at the beginning. */
  readonly cHeapBytes?: number;
  /** What of it is resident and was not resident before. */
  readonly cHeapResidentBytes?: number;
  readonly goHeapInUseBytes?: number;
  /** In use plus idle minus released: an upper bound of what the Go heap keeps resident. */
  readonly goHeapKeptBytes?: number;
  readonly goStacksBytes?: number;
  readonly notExplainedBytes: number;
  /** True when that is enough, and lasting enough, to say so. */
  readonly notExplained: boolean;
}

/** Splits the growth of RSS. `cHeld` is the C heap's total of held bytes, where it was watched. */
export function splitGrowth(
  memory: readonly MemorySample[],
  cHeld: Series | undefined,
  cPages: PageShare | undefined,
): Growth {
  const of = (read: (sample: MemorySample) => number | undefined) => seriesOf(memory, read);
  const rss = of(sample => sample.rssBytes)!;
  const inUse = of(sample => sample.goHeapInUseBytes);
  const kept = of(keptBytes);
  const stacks = of(sample => sample.goStacksBytes);
  const rssBytes = growthOf(rss);
  const fileBytes = growthOf(of(sample => sample.fileBytes)!);
  const shmemBytes = growthOf(of(sample => sample.shmemBytes)!);
  const cHeapBytes = cHeld && growthOf(cHeld);
  const cHeapResidentBytes =
    cHeapBytes === undefined ? undefined : residentPart(cHeapBytes, cPages);
  const goExplains = Math.max(0, (inUse && growthOf(inUse)) ?? 0, (kept && growthOf(kept)) ?? 0);
  const parts = [cHeapResidentBytes, goExplains, stacks && growthOf(stacks), fileBytes, shmemBytes];
  const explained = parts.reduce<number>((sum, part) => sum + Math.max(0, part ?? 0), 0);
  const notExplainedBytes = Math.max(0, rssBytes - explained);
  return {
    rssBytes,
    anonBytes: growthOf(of(sample => sample.anonBytes)!),
    fileBytes,
    shmemBytes,
    ...(cHeapBytes === undefined ? {} : { cHeapBytes, cHeapResidentBytes: cHeapResidentBytes! }),
    ...(inUse ? { goHeapInUseBytes: growthOf(inUse) } : {}),
    ...(kept ? { goHeapKeptBytes: growthOf(kept) } : {}),
    ...(stacks ? { goStacksBytes: growthOf(stacks) } : {}),
    notExplainedBytes,
    notExplained: isLasting(rss, rssBytes, notExplainedBytes, cHeld),
  };
}

/**
 * A series of one figure, of the looks that have it: a program that was just started has no Go
 * counters yet. Undefined when fewer than half of the looks, or fewer than two, have it.
 */
export function seriesOf(
  memory: readonly MemorySample[],
  read: (sample: MemorySample) => number | undefined,
): Series | undefined {
  const having = memory.filter(sample => read(sample) !== undefined);
  if (memory.length > 0 && (having.length < 2 || having.length * 2 < memory.length)) {
    return undefined;
  }
  return {
    atNs: having.map(sample => sample.atNs),
    value: having.map(sample => read(sample) as number),
  };
}

function keptBytes(sample: MemorySample): number | undefined {
  const { goHeapInUseBytes, goHeapIdleBytes, goHeapReleasedBytes } = sample;
  if (goHeapInUseBytes === undefined || goHeapIdleBytes === undefined) return undefined;
  return goHeapInUseBytes + goHeapIdleBytes - (goHeapReleasedBytes ?? 0);
}

/**
 * The resident part of the C heap's growth. Without a census every held byte counts as resident:
 * that can hide something unexplained, and never invents it.
 */
function residentPart(heldBytes: number, pages: PageShare | undefined): number {
  if (pages === undefined || pages.pageBytes === 0) return heldBytes;
  if (pages.newBytes !== undefined) return pages.newBytes;
  return Math.max(heldBytes * (pages.residentBytes / pages.pageBytes), 0);
}

/**
 * Enough to speak of, and RSS still grows in the second half. The allocator keeps what traffic
 * once needed, so what the held bytes swing by is no mystery either.
 */
function isLasting(
  rss: Series,
  rssBytes: number,
  notExplainedBytes: number,
  cHeld: Series | undefined,
): boolean {
  const first = rss.atNs[0] ?? 0;
  const last = rss.atNs.at(-1) ?? 0;
  const middle = first + (last - first) / 2;
  const needed = Math.max(NOT_EXPLAINED_MIN_BYTES, NOT_EXPLAINED_SHARE * rssBytes);
  if (notExplainedBytes < needed + (cHeld ? swingOf(clip(cHeld, middle, last)) : 0)) return false;
  return growthOf(clip(rss, middle, last)) > LATE_SHARE * rssBytes;
}
