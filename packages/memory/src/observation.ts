/**
 * What one trace saw, as plain values: columns in typed arrays, functions for what must be asked
 * of the outside. The fact that a reader gets wrong: every time in this room is in nanoseconds
 * since the trace began (a Float64, exact for 104 days), never a boot-time ktime, and every stack
 * is a small index into the caller's table, never the 64-bit stack id. The caller converts both.
 */

/** How one stack frame is called, and which half of the program it belongs to. */
export interface Frame {
  readonly function: string;
  /** The name as the symbol table has it, where that is another: C++ and Rust. */
  readonly symbol?: string;
  /** Where the name of a C frame came from, such as `dynsym`; absent for Go and the kernel. */
  readonly symbolSource?: string;
  readonly file?: string;
  readonly line?: number;
  /** Path of the mapped file, or `[kernel]`. */
  readonly module: string;
  readonly kind: 'c' | 'go' | 'kernel';
  readonly inlined: boolean;
}

/** One look at the target's memory. Go figures come from the runtime's own counters. */
export interface MemorySample {
  readonly atNs: number;
  readonly rssBytes: number;
  readonly anonBytes: number;
  readonly fileBytes: number;
  readonly shmemBytes: number;
  readonly goHeapInUseBytes?: number;
  readonly goHeapIdleBytes?: number;
  readonly goHeapReleasedBytes?: number;
  /** What the last collection found reachable: the Go heap without its garbage. */
  readonly goHeapMarkedBytes?: number;
  readonly goStacksBytes?: number;
  /** Collections finished since the program started; absent where the counter cannot be read. */
  readonly goGcCycles?: number;
  /** CPU time of the target since it started. */
  readonly cpuNs?: number;
}

/** Allocations alive at one moment: one row each, in any order, all columns equally long. */
export interface LiveColumns {
  readonly address: Float64Array;
  readonly sizeBytes: Float64Array;
  /** What the allocator really set aside for it; absent where its rounding is not known. */
  readonly usableBytes?: Float64Array;
  readonly stack: Uint32Array;
  readonly atNs: Float64Array;
}

/** Bytes that each stack held at one moment. Stacks past the array's end held nothing yet. */
export interface HeldSample {
  readonly atNs: number;
  readonly heldBytes: Float64Array;
  /** Running count of frees of addresses that were allocated before the trace began. */
  readonly freedBeforeAttach: number;
}

/** What the C allocator probes saw, summed in the kernel; rows are indexed by stack. */
export interface CHeapObservation {
  readonly allocs: Float64Array;
  readonly frees: Float64Array;
  readonly allocBytes: Float64Array;
  readonly freeBytes: Float64Array;
  readonly held: readonly HeldSample[];
  readonly live: LiveColumns;
  /** An earlier look at the live map: shows whether what was old then is still held now. */
  readonly earlier?: { readonly atNs: number; readonly live: LiveColumns };
  /** Growth of the brk heap during the trace: a witness of malloc that needs no probe. */
  readonly brkGrowthBytes?: number;
}

/** Large Go objects, every allocation and every death that was seen. */
export interface GoLargeObservation {
  readonly address: Float64Array;
  readonly sizeBytes: Float64Array;
  readonly stack: Uint32Array;
  readonly atNs: Float64Array;
  readonly freeAddress: Float64Array;
  readonly freeAtNs: Float64Array;
}

/** First touches of pages; `stack` is the stack that touched. */
export interface FaultColumns {
  readonly address: Float64Array;
  readonly atNs: Float64Array;
  readonly stack: Uint32Array;
}

/** A place in the target that one alternative of an attach point sits on. */
export interface SiteState {
  readonly location: string;
  readonly costClass: string;
  readonly hits: number;
}

/** One attach point of a probe, attached or not. */
export interface PointState {
  readonly point: string;
  readonly about?: string;
  readonly need: 'required' | 'optional';
  readonly attached: boolean;
  readonly alternative?: string;
  readonly kind?: string;
  /** What this alternative cannot see, in the probe author's words. */
  readonly limits?: string;
  readonly error?: string;
  readonly sites: readonly SiteState[];
  /** Set when the brake took the point off; the trace knows nothing of it after this. */
  readonly detachedAtNs?: number;
  readonly detachReason?: string;
}

/** One probe of the trace. */
export interface ProbeState {
  readonly name: string;
  readonly mode: 'stream' | 'aggregate';
  readonly points: readonly PointState[];
  /** Why the probe could not be opened at all; its points are empty then. */
  readonly error?: string;
}

/** Records and facts that were lost, by reason. */
export interface LossCounts {
  readonly ringFull: number;
  readonly mapFull: number;
  readonly stackLost: number;
  readonly unpaired: number;
  readonly probeMissed: number;
  readonly readFailed: number;
}

/** Everything that one trace saw. */
export interface Observation {
  readonly durationNs: number;
  readonly ended: 'duration' | 'target-exited' | 'interrupted' | 'error';
  /** True when the program is linked with cgo, so that it can have a C heap of its own. */
  readonly cgo: boolean;
  readonly memory: readonly MemorySample[];
  readonly cHeap?: CHeapObservation;
  readonly goLarge?: GoLargeObservation;
  readonly faults?: FaultColumns;
  readonly probes: readonly ProbeState[];
  /** Losses by probe name; a probe without an entry lost nothing. */
  readonly losses: Readonly<Record<string, LossCounts>>;
}

/** A run of pages, `[start, end)`, both multiples of the page size. */
export interface PageRanges {
  readonly start: Float64Array;
  readonly end: Float64Array;
}

/** What the analysis asks of the outside; each is called a bounded number of times. */
export interface Surroundings {
  readonly pageBytes: number;
  /** An allocation must be this old at the window's end before its stack may be accused. */
  readonly minAgeNs: number;
  /** Symbolized frames of a stack, innermost first; only asked for stacks that are reported. */
  readonly frames: (stack: number) => readonly Frame[];
  /** Why frames of a stack are missing; undefined where none is. */
  readonly truncated?: (stack: number) => string | undefined;
  /**
   * One byte per page of the ranges, in order: 1 where the page is present now. Absent, or
   * undefined as a result, when the target is gone and nobody can say.
   */
  readonly residentPages?: (ranges: PageRanges) => Uint8Array | undefined;
}

/** Losses of nothing: what a probe without an entry has. */
export const NO_LOSSES: LossCounts = {
  ringFull: 0,
  mapFull: 0,
  stackLost: 0,
  unpaired: 0,
  probeMissed: 0,
  readFailed: 0,
};
