/**
 * From an observation and its analysis to the report value. Nothing is computed here but sums and
 * seconds; what is not known becomes null.
 */
import {
  NO_LOSSES,
  type Analysis,
  type Frame,
  type LossCounts,
  type MemorySample,
  type Observation,
  type PointState,
  type ProbeState,
  type StackFinding,
} from '@sonde/memory';
import {
  REPORT_SCHEMA,
  type Report,
  type ReportCost,
  type ReportFrame,
  type ReportPoint,
  type ReportProbe,
  type ReportSample,
  type ReportStack,
  type ReportTarget,
  type ReportUnwinding,
} from './report.js';

/** What a report is built from. Times of `brake` are nanoseconds since the trace began. */
export interface ReportInput {
  readonly tracer: { readonly version: string; readonly kernel: string };
  readonly target: ReportTarget;
  /** ISO 8601, from the clock that the caller was given. */
  readonly startedAt: string;
  readonly seen: Observation;
  readonly analysis: Analysis;
  /** What must be said of the names of frames. */
  readonly names: readonly string[];
  readonly cost: {
    readonly hits: number;
    readonly cpuNs: number;
    readonly shareOfTargetCpu?: number;
    readonly perHitNs: Readonly<Record<string, number>>;
    readonly brake: readonly {
      readonly atNs: number;
      readonly probe: string;
      readonly point: string;
      readonly reason: string;
    }[];
    /** Absent where no C code is unwound. */
    readonly unwinding?: ReportUnwinding;
  };
}

/** What `--json` prints and the text is written from. Pure: the same input gives the same value. */
export function buildReport(input: ReportInput): Report {
  const { seen, analysis } = input;
  const { failed, ...verdict } = analysis.verdict;
  return {
    schema: REPORT_SCHEMA,
    tracer: input.tracer,
    target: input.target,
    window: {
      startedAt: input.startedAt,
      seconds: seconds(seen.durationNs),
      ended: seen.ended,
      minAgeSeconds: seconds(analysis.minAgeNs),
    },
    memory: {
      samples: seen.memory.map(sample => reportSample(sample, seen)),
      growth: reportGrowth(analysis),
    },
    suspects: analysis.suspects.map(reportStack),
    holders: analysis.holders.map(reportStack),
    verdict: { ...verdict, failed: failed ?? null },
    cHeap: analysis.cHeap ? withoutSeries(analysis.cHeap) : null,
    goLarge: analysis.goLarge ?? null,
    probes: seen.probes.map(reportProbe),
    names: input.names,
    cost: reportCost(input.cost),
    losses: { total: sumLosses(Object.values(seen.losses)), probes: seen.losses },
  };
}

function seconds(ns: number): number {
  return Math.round(ns / 1e3) / 1e6;
}

function withoutSeries(totals: NonNullable<Analysis['cHeap']>): NonNullable<Report['cHeap']> {
  const { allocs, frees, allocBytes, freeBytes, liveBytes, liveCount, freedBeforeAttach } = totals;
  return { allocs, frees, allocBytes, freeBytes, liveBytes, liveCount, freedBeforeAttach };
}

function reportSample(sample: MemorySample, seen: Observation): ReportSample {
  return {
    atSeconds: seconds(sample.atNs),
    rssBytes: sample.rssBytes,
    anonBytes: sample.anonBytes,
    fileBytes: sample.fileBytes,
    shmemBytes: sample.shmemBytes,
    cHeapHeldBytes: heldNear(sample.atNs, seen),
    goHeapInUseBytes: sample.goHeapInUseBytes ?? null,
    goHeapIdleBytes: sample.goHeapIdleBytes ?? null,
    goHeapReleasedBytes: sample.goHeapReleasedBytes ?? null,
    goHeapMarkedBytes: sample.goHeapMarkedBytes ?? null,
    goStacksBytes: sample.goStacksBytes ?? null,
    goGcCycles: sample.goGcCycles ?? null,
  };
}

/** Held C bytes at the look nearest in time; null when the C heap was not watched. */
function heldNear(atNs: number, seen: Observation): number | null {
  let nearest: { readonly distance: number; readonly held: Float64Array } | undefined;
  for (const look of seen.cHeap?.held ?? []) {
    const distance = Math.abs(look.atNs - atNs);
    if (nearest === undefined || distance < nearest.distance) {
      nearest = { distance, held: look.heldBytes };
    }
  }
  return nearest ? nearest.held.reduce((sum, bytes) => sum + bytes, 0) : null;
}

function reportGrowth({ growth }: Analysis): Report['memory']['growth'] {
  return {
    rssBytes: growth.rssBytes,
    anonBytes: growth.anonBytes,
    fileBytes: growth.fileBytes,
    shmemBytes: growth.shmemBytes,
    cHeapBytes: growth.cHeapBytes ?? null,
    cHeapResidentBytes: growth.cHeapResidentBytes ?? null,
    goHeapInUseBytes: growth.goHeapInUseBytes ?? null,
    goHeapKeptBytes: growth.goHeapKeptBytes ?? null,
    goStacksBytes: growth.goStacksBytes ?? null,
    notExplainedBytes: growth.notExplainedBytes,
  };
}

function reportStack(it: StackFinding): ReportStack {
  return {
    class: it.class,
    heap: it.heap,
    bytes: it.bytes,
    usableBytes: it.usableBytes ?? null,
    bytesPerSecond: it.bytesPerSecond,
    touchedShare: it.touchedShare ?? null,
    reusedBytes: it.reusedBytes ?? null,
    newBytes: it.newBytes ?? null,
    count: it.count,
    agedBytes: it.agedBytes,
    agedCount: it.agedCount,
    oldestAgeSeconds: seconds(it.oldestAgeNs),
    allocs: it.allocs ?? null,
    frees: it.frees ?? null,
    keptShare: it.keptShare ?? null,
    touch: it.touch
      ? {
          allocations: it.touch.allocations,
          firstAtSeconds: seconds(it.touch.firstAtNs),
          lastAtSeconds: seconds(it.touch.lastAtNs),
          medianDelaySeconds: it.touch.medianDelayNs / 1e9,
          stackShare: it.touch.stackShare,
          frames: it.touch.frames.map(reportFrame),
        }
      : null,
    held: it.series.atNs.map((at, row) => [seconds(at), it.series.value[row]!] as const),
    why: it.why,
    frames: it.frames.map(reportFrame),
    truncated: it.truncated ?? null,
  };
}

function reportFrame(frame: Frame): ReportFrame {
  return {
    function: frame.function,
    symbol: frame.symbol ?? null,
    symbolSource: frame.symbolSource ?? null,
    file: frame.file ?? null,
    line: frame.line ?? null,
    module: frame.module,
    kind: frame.kind,
    inlined: frame.inlined,
  };
}

function reportProbe(probe: ProbeState): ReportProbe {
  const points = probe.points.map(reportPoint);
  return {
    name: probe.name,
    mode: probe.mode,
    error: probe.error ?? null,
    hits: points.reduce((sum, point) => sum + point.hits, 0),
    points,
  };
}

function reportPoint(point: PointState): ReportPoint {
  return {
    point: point.point,
    need: point.need,
    attached: point.attached,
    alternative: point.alternative ?? null,
    kind: point.kind ?? null,
    limits: point.limits ?? null,
    error: point.error ?? null,
    hits: point.sites.reduce((sum, site) => sum + site.hits, 0),
    sites: point.sites.map(({ location, costClass, hits }) => ({ location, costClass, hits })),
    detachedAtSeconds: point.detachedAtNs === undefined ? null : seconds(point.detachedAtNs),
    detachReason: point.detachReason ?? null,
  };
}

function reportCost(cost: ReportInput['cost']): ReportCost {
  return {
    hits: cost.hits,
    cpuSeconds: cost.cpuNs / 1e9,
    shareOfTargetCpu: cost.shareOfTargetCpu ?? null,
    perHitNs: cost.perHitNs,
    brake: cost.brake.map(({ atNs, probe, point, reason }) => ({
      atSeconds: seconds(atNs),
      probe,
      point,
      reason,
    })),
    unwinding: cost.unwinding ?? null,
  };
}

function sumLosses(losses: readonly LossCounts[]): LossCounts {
  return losses.reduce<LossCounts>(
    (sum, one) => ({
      ringFull: sum.ringFull + one.ringFull,
      mapFull: sum.mapFull + one.mapFull,
      stackLost: sum.stackLost + one.stackLost,
      unpaired: sum.unpaired + one.unpaired,
      probeMissed: sum.probeMissed + one.probeMissed,
      readFailed: sum.readFailed + one.readFailed,
    }),
    NO_LOSSES,
  );
}
