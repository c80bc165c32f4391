/**
 * What `sonde snapshot --json` prints: schema `sonde.snapshot/1`. The fact a reader gets wrong: a
 * section that could not be read is null and named in `missing` with the reason; it is never a
 * section of zeros. Bytes are bytes, addresses hexadecimal text, times nanoseconds.
 */

/** Printed first, so that a reader can refuse what it does not know. */
export const SNAPSHOT_SCHEMA = 'sonde.snapshot/1';

/** One source frame, innermost first in a stack. */
export interface SnapshotFrame {
  readonly function: string;
  readonly file?: string;
  readonly line?: number;
  readonly inlined: boolean;
  readonly address: string;
}

/** runtime.MemStats by Go's own names. */
export interface SnapshotMemStats {
  readonly HeapInuse: number;
  readonly HeapIdle: number;
  readonly HeapReleased: number;
  readonly HeapSys: number;
  /** Null for Go 1.15, which keeps no running total. */
  readonly HeapAlloc: number | null;
  readonly StackInuse: number;
  readonly StackSys: number;
  readonly GCSys: number;
  readonly MSpanInuse: number | null;
  readonly MSpanSys: number;
  readonly MCacheSys: number;
  readonly BuckHashSys: number;
  readonly OtherSys: number;
  readonly NumGC: number;
  /** Readings that it took until one did not contradict itself. */
  readonly tries: number;
  /** True where the runtime's own equations hold. */
  readonly closed: boolean;
}

/** One stack of the heap profile. */
export interface SnapshotHeapEntry {
  readonly objectBytes: number;
  /** Estimates, scaled by the sampling rate as pprof does. */
  readonly inUseBytes: number;
  readonly inUseObjects: number;
  readonly allocBytes: number;
  readonly allocObjects: number;
  /** Samples as counted, published at the collection before the last; and since. */
  readonly sampled: SnapshotCounts;
  readonly unpublished: SnapshotCounts;
  readonly frames: readonly SnapshotFrame[];
  readonly addresses: readonly string[];
}

/** Births and deaths of samples. */
export interface SnapshotCounts {
  readonly allocs: number;
  readonly frees: number;
  readonly allocBytes: number;
  readonly freeBytes: number;
}

/** Go's own samples of the heap, by stack. */
export interface SnapshotHeap {
  /** runtime.MemProfileRate; 0 is off. */
  readonly rateBytes: number | null;
  readonly inUseBytes: number;
  readonly inUseObjects: number;
  readonly sampled: SnapshotCounts;
  /** Records that contradicted themselves in every reading. */
  readonly torn: number;
  readonly stacks: readonly SnapshotHeapEntry[];
}

/** What the heap is made of, by size class. */
export interface SnapshotSpans {
  readonly inUseBytes: number;
  readonly manualBytes: number;
  readonly objects: number;
  readonly objectBytes: number;
  readonly spans: number;
  readonly unreadable: number;
  /** mheap_.pagesInUse, the sum that the runtime keeps itself. */
  readonly runtimeInUseBytes: number;
  readonly closed: boolean;
  readonly tries: number;
  readonly classes: readonly {
    readonly slotBytes: number;
    readonly noscan: boolean;
    readonly spans: number;
    readonly spanBytes: number;
    readonly objects: number;
    readonly slots: number;
    readonly freeBytes: number;
  }[];
  readonly large: readonly {
    readonly address: string;
    readonly bytes: number;
    readonly noscan: boolean;
  }[];
}

/** State, waiting and stack of one that is alive. */
export interface SnapshotGoroutine {
  readonly id: number;
  readonly state: string;
  readonly waitReason: string | null;
  /** At least so long; null where no collection has seen it wait. */
  readonly waitNs: number | null;
  readonly lockedToThread: boolean;
  readonly threadId: number | null;
  readonly parentId: number | null;
  /** True for the runtime's own: hidden by the text, not by the JSON. */
  readonly system: boolean;
  readonly startFunction: string;
  readonly createdBy: SnapshotFrame | null;
  readonly stackBytes: number;
  readonly frames: readonly SnapshotFrame[];
  readonly stackComplete: boolean;
  readonly noStack: string | null;
  readonly channels: readonly string[];
}

/** Everything in allgs that is alive, and how the reading went. */
export interface SnapshotGoroutines {
  readonly alive: number;
  readonly dead: number;
  readonly unreadable: number;
  readonly torn: number;
  readonly goroutines: readonly SnapshotGoroutine[];
}

/** What one call prints. */
export interface Snapshot {
  readonly schema: typeof SNAPSHOT_SCHEMA;
  readonly target: {
    readonly pid: number;
    readonly exe: string;
    readonly goRelease: string;
    readonly arch: string;
    readonly buildId: string;
    readonly cgo: boolean;
    readonly stripped: boolean;
    readonly pie: boolean;
    readonly tableRung: string;
  };
  /** How it was read. Nothing was attached, stopped or written. */
  readonly means: { readonly memory: string; readonly globals: Readonly<Record<string, string>> };
  readonly takenNs: number;
  readonly memStats: SnapshotMemStats | null;
  readonly heap: SnapshotHeap | null;
  readonly spans: SnapshotSpans | null;
  readonly goroutines: SnapshotGoroutines | null;
  readonly missing: readonly { readonly section: string; readonly why: string }[];
}
