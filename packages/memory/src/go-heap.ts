/**
 * Does the Go heap retain more and more? The fact a reader gets wrong: a Go heap always grows
 * between collections, so two looks at it prove nothing. Only the lowest points count, and only
 * when collections happened between them.
 */
import { seriesOf } from './growth.js';
import type { MemorySample } from './observation.js';
import { formatBytes } from './quantity.js';
import { minimaOfThirds, swingOf } from './trend.js';

/** Retained growth below this is not spoken of. */
const RETAINED_MIN_BYTES = 2 * 1024 * 1024;
/** ... and so it is below this share of what the heap had at its lowest. */
const RETAINED_SHARE = 0.1;
/** The last third must have at least this share of the whole growth: a warm-up has less. */
const LATE_SHARE = 0.15;
/**
 * Looks once a second can miss the low points of a heap that is collected about once a second, so
 * without the collector's own figure the rise must come near to the whole swing.
 */
const SWING_SHARE = 0.7;
/** Collections that must have finished within the window before garbage is told from retention. */
const COLLECTIONS_MIN = 2;

/** What the Go heap's own counters say. */
export interface GoHeapTrend {
  readonly retains: boolean;
  /** Growth of the lowest points from the first third of the window to the last. */
  readonly retainedBytes: number;
  readonly bytesPerSecond: number;
  /** Collections in the window; absent when the counter could not be read. */
  readonly collections?: number;
  readonly doubts: readonly string[];
}

/** Reads the trend of the Go heap from its counters; undefined when they could not be read. */
export function readGoHeapTrend(memory: readonly MemorySample[]): GoHeapTrend | undefined {
  const marked = seriesOf(memory, sample => sample.goHeapMarkedBytes);
  const inUse = seriesOf(memory, sample => sample.goHeapInUseBytes);
  const lowest = marked ?? inUse;
  if (lowest === undefined || lowest.value.length < 3) return undefined;
  const [first, middle, last] = minimaOfThirds(lowest) as [number, number, number];
  const retainedBytes = last - first;
  const spanSeconds = ((memory.at(-1)!.atNs - memory[0]!.atNs) / 1e9) * (2 / 3);
  const collections = collectionsIn(memory);
  const grows =
    retainedBytes >= RETAINED_MIN_BYTES &&
    retainedBytes >= RETAINED_SHARE * first &&
    last - middle >= LATE_SHARE * retainedBytes &&
    (marked !== undefined || retainedBytes >= SWING_SHARE * swingOf(lowest));
  const collected = collections === undefined || collections >= COLLECTIONS_MIN;
  const doubts: string[] = [];
  if (grows && collections === undefined) {
    doubts.push('the number of Go collections is not known: some of the growth may be garbage');
  }
  if (grows && !collected) {
    doubts.push(
      `the Go heap grew by ${formatBytes(retainedBytes)} and ` +
        `${collections === 0 ? 'no' : 'one'} collection finished meanwhile: it may be garbage`,
    );
  }
  return {
    retains: grows && collected,
    retainedBytes,
    bytesPerSecond: spanSeconds > 0 ? retainedBytes / spanSeconds : 0,
    ...(collections === undefined ? {} : { collections }),
    doubts,
  };
}

function collectionsIn(memory: readonly MemorySample[]): number | undefined {
  const cycles = seriesOf(memory, sample => sample.goGcCycles);
  return cycles && cycles.value.at(-1)! - cycles.value[0]!;
}
