/**
 * What the analysis says: the shapes that reports are written from. The fact a reader gets wrong:
 * an accused stack is in `suspects`, a stack that merely holds much is in `holders`, and only the
 * first kind has a class other than `none`.
 */
import type { Growth } from './growth.js';
import type { GoHeapTrend } from './go-heap.js';
import type { Frame } from './observation.js';
import type { Series } from './trend.js';

/** What a stack or a whole trace can be called today. */
export type VerdictClass = 'c-leak' | 'go-retention' | 'none' | 'unexplained';

/** Classes that later versions may use; readers of the JSON must expect them. */
export const RESERVED_CLASSES = [
  'pool-retention',
  'goroutine-leak',
  'thread-stacks',
  'arena-retention',
  'finalizer-lag',
  'thp',
  'mmap-leak',
  'socket-backlog',
  'file-cache',
] as const;

/** Where memory grew most. */
export type GrowthPlace = 'c-heap' | 'go-heap' | 'go-stacks' | 'files' | 'elsewhere' | 'nowhere';

/** First touches of a suspect's memory, with the frames that touched most of it. */
export interface TouchReport {
  readonly allocations: number;
  readonly firstAtNs: number;
  readonly lastAtNs: number;
  readonly medianDelayNs: number;
  readonly stackShare: number;
  readonly frames: readonly Frame[];
}

/** One stack with what it holds. All figures are of the window; ages are at its end. */
export interface StackFinding {
  readonly class: 'c-leak' | 'go-retention' | 'none';
  readonly heap: 'c' | 'go';
  readonly stack: number;
  /** Requested bytes allocated in the window and still held at its end, of any age. */
  readonly bytes: number;
  readonly usableBytes?: number;
  readonly count: number;
  /** Slope of the held bytes over the window. */
  readonly bytesPerSecond: number;
  readonly agedBytes: number;
  readonly agedCount: number;
  readonly oldestAgeNs: number;
  /** Allocations and frees of the window; frees only of what was allocated in it. */
  readonly allocs?: number;
  readonly frees?: number;
  /** Of what was old at the earlier look, the share that is still held. */
  readonly keptShare?: number;
  /** Resident share of the pages under the live allocations; absent when nobody could say. */
  readonly touchedShare?: number;
  /** Resident bytes under them that were resident before; absent where faults were not whole. */
  readonly reusedBytes?: number;
  /** Resident bytes under them that became resident in the window, whoever held them then. */
  readonly newBytes?: number;
  readonly touch?: TouchReport;
  readonly series: Series;
  readonly frames: readonly Frame[];
  /** Why frames are missing between C and Go, or at the end; absent where none is. */
  readonly truncated?: string;
  readonly why: string;
}

/** The answer of a trace: what is going on, what to do, and how far to trust it. */
export interface Verdict {
  readonly class: VerdictClass;
  /** One sentence that an on-call engineer reads first. */
  readonly sentence: string;
  /** What to do next, one sentence. */
  readonly next: string;
  readonly where: GrowthPlace;
  readonly notExplainedBytes: number;
  /** What lowers the claim, one sentence each. */
  readonly caveats: readonly string[];
  /** Set when the trace cannot answer at all: probes that must have seen calls saw none. */
  readonly failed?: string;
}

/** Totals of the C heap over the window. */
export interface CHeapTotals {
  readonly allocs: number;
  readonly frees: number;
  readonly allocBytes: number;
  readonly freeBytes: number;
  readonly liveBytes: number;
  readonly liveCount: number;
  readonly freedBeforeAttach: number;
  readonly held: Series;
}

/** Totals of the large Go objects over the window. */
export interface GoLargeTotals {
  readonly allocs: number;
  readonly frees: number;
  readonly liveBytes: number;
  readonly liveCount: number;
  readonly freedBeforeAttach: number;
}

/** Everything that was concluded from one trace. */
export interface Analysis {
  readonly suspects: readonly StackFinding[];
  readonly holders: readonly StackFinding[];
  readonly verdict: Verdict;
  readonly growth: Growth;
  readonly cHeap?: CHeapTotals;
  readonly goLarge?: GoLargeTotals;
  readonly goHeap?: GoHeapTrend;
  readonly minAgeNs: number;
}
