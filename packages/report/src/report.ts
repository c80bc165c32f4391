/**
 * The report as a value: what `--json` prints and what every other format is written from. The
 * fact a reader gets wrong: a figure that is not known is `null` and never 0, and every time is in
 * seconds since the trace began. Described by `sonde.report-1.schema.json`, which tests hold it to.
 */
import type { GrowthPlace, LossCounts, VerdictClass } from '@sonde/memory';

/** Name and version of this shape; a change that can break a reader changes the number. */
export const REPORT_SCHEMA = 'sonde.report/1';

/** The traced process. */
export interface ReportTarget {
  readonly pid: number;
  readonly exe: string;
  readonly goRelease: string;
  readonly arch: string;
  readonly buildId: string | null;
  readonly cgo: boolean;
  readonly stripped: boolean;
  readonly pie: boolean;
  /** Which rung of the ladder gave the runtime's offsets. */
  readonly offsets: string | null;
}

/** One stack frame; frames are listed innermost first. */
export interface ReportFrame {
  /** C++ and Rust names are demangled. */
  readonly function: string;
  /** The name as the symbol table has it, where `function` is another; else null. */
  readonly symbol: string | null;
  /** Where the name of a C frame came from, `none` without one; null for Go and the kernel. */
  readonly symbolSource: string | null;
  readonly file: string | null;
  readonly line: number | null;
  readonly module: string;
  readonly kind: 'c' | 'go' | 'kernel';
  readonly inlined: boolean;
}

/** One look at memory. */
export interface ReportSample {
  readonly atSeconds: number;
  readonly rssBytes: number;
  readonly anonBytes: number;
  readonly fileBytes: number;
  readonly shmemBytes: number;
  readonly cHeapHeldBytes: number | null;
  readonly goHeapInUseBytes: number | null;
  readonly goHeapIdleBytes: number | null;
  readonly goHeapReleasedBytes: number | null;
  readonly goHeapMarkedBytes: number | null;
  readonly goStacksBytes: number | null;
  readonly goGcCycles: number | null;
}

/** Growth by part over the window. */
export interface ReportGrowth {
  readonly rssBytes: number;
  readonly anonBytes: number;
  readonly fileBytes: number;
  readonly shmemBytes: number;
  readonly cHeapBytes: number | null;
  readonly cHeapResidentBytes: number | null;
  readonly goHeapInUseBytes: number | null;
  readonly goHeapKeptBytes: number | null;
  readonly goStacksBytes: number | null;
  readonly notExplainedBytes: number;
}

/** When and from where a suspect's memory was first touched. */
export interface ReportTouch {
  readonly allocations: number;
  readonly firstAtSeconds: number;
  readonly lastAtSeconds: number;
  readonly medianDelaySeconds: number;
  readonly stackShare: number;
  readonly frames: readonly ReportFrame[];
}

/** One stack, accused or not. */
export interface ReportStack {
  readonly class: VerdictClass;
  readonly heap: 'c' | 'go';
  readonly bytes: number;
  readonly usableBytes: number | null;
  readonly bytesPerSecond: number;
  readonly touchedShare: number | null;
  readonly reusedBytes: number | null;
  readonly newBytes: number | null;
  readonly count: number;
  readonly agedBytes: number;
  readonly agedCount: number;
  readonly oldestAgeSeconds: number;
  readonly allocs: number | null;
  readonly frees: number | null;
  readonly keptShare: number | null;
  readonly touch: ReportTouch | null;
  /** Held bytes at each look, `[atSeconds, bytes]`. */
  readonly held: readonly (readonly [atSeconds: number, bytes: number])[];
  readonly why: string;
  readonly frames: readonly ReportFrame[];
  /** Why frames are missing; null where none is. */
  readonly truncated: string | null;
}

/** One attach point as it was in this trace. */
export interface ReportPoint {
  readonly point: string;
  readonly need: 'required' | 'optional';
  readonly attached: boolean;
  readonly alternative: string | null;
  readonly kind: string | null;
  readonly limits: string | null;
  readonly error: string | null;
  readonly hits: number;
  readonly sites: readonly {
    readonly location: string;
    readonly costClass: string;
    readonly hits: number;
  }[];
  readonly detachedAtSeconds: number | null;
  readonly detachReason: string | null;
}

/** One probe as it was in this trace. */
export interface ReportProbe {
  readonly name: string;
  readonly mode: 'stream' | 'aggregate';
  readonly error: string | null;
  readonly hits: number;
  readonly points: readonly ReportPoint[];
}

/** What it took to unwind C code: rules found, and stacks that were copied for want of one. */
export interface ReportUnwinding {
  readonly copies: number;
  readonly rules: number;
  /** Rules for which the kernel's table had no room: stacks through them are copied every time. */
  readonly rulesLeftOut: number;
  /** How often all rules were forgotten because code was unmapped. */
  readonly forgotten: number;
}

/** What the tracing itself cost the target. */
export interface ReportCost {
  readonly hits: number;
  readonly cpuSeconds: number;
  /** Share of the CPU time that the target used in the window; null where that is not known. */
  readonly shareOfTargetCpu: number | null;
  /** Calibrated cost of one hit by class, in nanoseconds. */
  readonly perHitNs: Readonly<Record<string, number>>;
  readonly brake: readonly {
    readonly atSeconds: number;
    readonly probe: string;
    readonly point: string;
    readonly reason: string;
  }[];
  /** Null where no C code was unwound. */
  readonly unwinding: ReportUnwinding | null;
}

/** Everything that one trace says, from the process to what tracing it cost. */
export interface Report {
  readonly schema: typeof REPORT_SCHEMA;
  readonly tracer: { readonly version: string; readonly kernel: string };
  readonly target: ReportTarget;
  readonly window: {
    readonly startedAt: string;
    readonly seconds: number;
    readonly ended: 'duration' | 'target-exited' | 'interrupted' | 'error';
    readonly minAgeSeconds: number;
  };
  readonly memory: { readonly samples: readonly ReportSample[]; readonly growth: ReportGrowth };
  readonly suspects: readonly ReportStack[];
  readonly holders: readonly ReportStack[];
  readonly verdict: {
    readonly class: VerdictClass;
    readonly sentence: string;
    readonly next: string;
    readonly where: GrowthPlace;
    readonly notExplainedBytes: number;
    readonly caveats: readonly string[];
    readonly failed: string | null;
  };
  readonly cHeap: {
    readonly allocs: number;
    readonly frees: number;
    readonly allocBytes: number;
    readonly freeBytes: number;
    readonly liveBytes: number;
    readonly liveCount: number;
    readonly freedBeforeAttach: number;
  } | null;
  readonly goLarge: {
    readonly allocs: number;
    readonly frees: number;
    readonly liveBytes: number;
    readonly liveCount: number;
    readonly freedBeforeAttach: number;
  } | null;
  readonly probes: readonly ReportProbe[];
  /** What a reader must know of the names of frames, a sentence each; empty as a rule. */
  readonly names: readonly string[];
  readonly cost: ReportCost;
  readonly losses: {
    readonly total: LossCounts;
    readonly probes: Readonly<Record<string, LossCounts>>;
  };
}
