/**
 * May this stack be accused? One function, every reason in words. The fact a reader gets wrong:
 * holding much is no crime. A leak keeps what it took (old blocks stay), takes evenly (old
 * survivors were born all through the window), and has not stopped (late growth like early
 * growth). A cache that fills stops; a cache that evicts gives back what was old; traffic in
 * flight is never old.
 */
import { BIRTH_PARTS, type KeptTally, type LiveTally, type SeenTime } from './accounts.js';
import { formatBytes, formatDuration, formatShare } from './quantity.js';
import { clip, fitLine, type Line, type Series } from './trend.js';

/** Less than this, held by old blocks, is not called a leak in one window. */
export const ACCUSED_BYTES_MIN = 16 * 1024;
/** Fewer old blocks than this show no habit. */
const ACCUSED_BLOCKS_MIN = 3;
/** Old survivors must have been born in at least this many of the parts of the window. */
const BIRTH_PARTS_MIN = 3;
/** Late births below this share of early ones mean that growth has stopped; or the reverse. */
const EVEN_SHARE = 0.5;
/** A stack that keeps less than this of what was old gives back with age, as caches do. */
const KEPT_SHARE = 0.8;

/** Everything that is known of one stack, for the decision and for the report. */
export interface StackEvidence {
  readonly stack: number;
  readonly series: Series;
  readonly line: Line;
  readonly bytes: number;
  readonly count: number;
  readonly agedBytes: number;
  readonly agedCount: number;
  readonly oldestAtNs: number;
  /** Share of what was old at the earlier look that is still held; absent where nothing was old. */
  readonly keptShare?: number;
}

/** The decision on one stack. `why` says in words what speaks for or against it. */
export interface Decision {
  readonly accused: boolean;
  readonly why: string;
}

/**
 * Puts together what is known of `stack`. Where births were seen for a part of the time only, its
 * line is what it took in that part and still holds: too few looks fit into it for a fitted one.
 */
export function gatherEvidence(
  stack: number,
  series: Series,
  tally: LiveTally,
  kept: KeptTally | undefined,
  time: SeenTime,
): StackEvidence {
  const oldCount = kept?.oldCount[stack] ?? 0;
  return {
    stack,
    series,
    line: isCut(time) ? takenPerSecond(tally.bytes[stack]!, time) : fitLine(series),
    bytes: tally.bytes[stack]!,
    count: tally.count[stack]!,
    agedBytes: tally.agedBytes[stack]!,
    agedCount: tally.agedCount[stack]!,
    oldestAtNs: tally.oldestAtNs[stack]!,
    ...(oldCount >= ACCUSED_BLOCKS_MIN
      ? { keptShare: kept!.keptBytes[stack]! / kept!.oldBytes[stack]! }
      : {}),
  };
}

/** Whether births were seen for a part of the time only, as after the brake. */
function isCut({ birthsEndNs, endNs }: SeenTime): boolean {
  return birthsEndNs < endNs;
}

function takenPerSecond(bytes: number, { birthsEndNs }: SeenTime): Line {
  return { slopePerSecond: bytes / (birthsEndNs / 1e9), slopeSd: 0, intercept: 0 };
}

/** Decides on one stack. The first objection that holds is the answer. */
export function decide(evidence: StackEvidence, tally: LiveTally, span: SeenTime): Decision {
  const objection =
    objectToAge(evidence, span) ??
    objectToBirths(evidence.stack, tally) ??
    objectToReturns(evidence) ??
    (isCut(span) ? objectToCut(evidence) : objectToGrowth(evidence, span));
  if (objection !== undefined) return { accused: false, why: objection };
  const old = `${formatBytes(evidence.agedBytes)} older than ${formatDuration(span.minAgeNs)}`;
  const why = isCut(span)
    ? `kept what it took in the first ${formatDuration(span.birthsEndNs)}; ${old}`
    : `grows through the whole window; ${old}`;
  return { accused: true, why };
}

function objectToAge(evidence: StackEvidence, span: SeenTime): string | undefined {
  if (evidence.agedCount === 0) {
    return `nothing it holds is older than ${formatDuration(span.minAgeNs)}`;
  }
  if (evidence.agedCount < ACCUSED_BLOCKS_MIN || evidence.agedBytes < ACCUSED_BYTES_MIN) {
    const blocks = `${evidence.agedCount} old block${evidence.agedCount === 1 ? '' : 's'}`;
    return `${blocks} of ${formatBytes(evidence.agedBytes)} together: too little to show a habit`;
  }
  return undefined;
}

/** Births of old survivors: even for a leak, early for a cache that filled, late for turnover. */
function objectToBirths(stack: number, tally: LiveTally): string | undefined {
  const early = tally.earlyBytes[stack]!;
  const late = tally.lateBytes[stack]!;
  if (bound(late, tally.lateSquares[stack]!) < EVEN_SHARE * early) {
    return 'took most of it early and then stopped, as a cache that fills or a warm-up does';
  }
  if (bound(early, tally.earlySquares[stack]!) < EVEN_SHARE * late) {
    return 'keeps only what is recent, as a cache that evicts does';
  }
  const parts = bitsOf(tally.birthParts[stack]!);
  if (parts < BIRTH_PARTS_MIN) {
    return `what is old was taken in ${parts} of ${BIRTH_PARTS} parts of the window`;
  }
  return undefined;
}

/**
 * Upper bound of a sum of random arrivals: the variance of a compound Poisson sum is estimated by
 * the sum of squares, two standard deviations up.
 */
function bound(sum: number, squares: number): number {
  return sum + 2 * Math.sqrt(squares);
}

function objectToReturns(evidence: StackEvidence): string | undefined {
  if (evidence.keptShare === undefined || evidence.keptShare >= KEPT_SHARE) return undefined;
  const returned = formatShare(1 - evidence.keptShare);
  return `freed ${returned} of what was already old halfway: it turns over`;
}

/** Growth cannot be seen without births; then only a second look at what was old speaks. */
function objectToCut({ keptShare }: StackEvidence): string | undefined {
  return keptShare === undefined
    ? 'too little of it was old when it was looked at twice'
    : undefined;
}

/** The held bytes must rise, beyond noise, and not have gone flat in the second half. */
function objectToGrowth(evidence: StackEvidence, span: SeenTime): string | undefined {
  const { line, series } = evidence;
  if (series.atNs.length < 3) return 'too few looks at it to see a trend';
  const agedRate = evidence.agedBytes / Math.max(1e-9, (span.endNs - span.minAgeNs) / 1e9);
  if (line.slopePerSecond <= 0) return 'what it holds does not grow';
  if (line.slopePerSecond < 3 * line.slopeSd && agedRate < 3 * line.slopeSd) {
    return 'what it holds rises and falls more than it grows';
  }
  const late = clip(series, span.endNs / 2, span.endNs);
  if (late.atNs.length < 4) return undefined;
  const lateLine = fitLine(late);
  if (lateLine.slopePerSecond + 2 * lateLine.slopeSd < 0.3 * agedRate) {
    return 'stopped growing in the second half of the window';
  }
  return undefined;
}

function bitsOf(mask: number): number {
  let bits = 0;
  for (let rest = mask; rest !== 0; rest >>>= 1) bits += rest & 1;
  return bits;
}
