/**
 * From one heap's rows to its suspects and its other large holders. The same steps serve the C
 * heap and the large Go objects: who holds most, who may be accused, and where they rank. The rank
 * is the smaller of what a stack holds and what it grew by: a stack must be large in both.
 */
import { heldSeries, tallyKept, tallyLive, type LiveTally, type SeenTime } from './accounts.js';
import { decide, gatherEvidence, type Decision, type StackEvidence } from './accusation.js';
import { joinFaults } from './fault-join.js';
import type { FaultColumns, HeldSample, LiveColumns } from './observation.js';

/** Stacks that are looked at one by one: the largest holders. The rest is only summed. */
const CANDIDATES_MAX = 256;

/** A heap at the end of what was seen of it. */
export interface HeapView {
  readonly held: readonly HeldSample[];
  readonly live: LiveColumns;
  readonly earlier?: { readonly atNs: number; readonly live: LiveColumns };
  readonly stacks: number;
  /** What was seen: to the window's end, or to the moment the brake took a point off. */
  readonly time: SeenTime;
}

/** When and from where the live memory of one stack was first touched. */
export interface Touch {
  /** Living allocations on which at least one fault was seen. */
  readonly allocations: number;
  readonly firstAtNs: number;
  readonly lastAtNs: number;
  /** Median time from allocation to first touch. */
  readonly medianDelayNs: number;
  /** The stack that made most first touches, and its share of them. */
  readonly stack: number;
  readonly stackShare: number;
}

/** A stack that was looked at: evidence and decision. */
export interface Candidate extends StackEvidence, Decision {
  readonly usableBytes?: number;
}

/** What was found in one heap. */
export interface HeapFinding {
  /** Accused, most guilty first. */
  readonly accused: readonly Candidate[];
  /** Not accused, largest holder first. */
  readonly others: readonly Candidate[];
  readonly liveBytes: number;
  readonly liveCount: number;
}

/** Looks at the largest holders of a heap and decides on each. */
export function findSuspects(view: HeapView): HeapFinding {
  const { live, stacks, time } = view;
  const { birthsEndNs, endNs, minAgeNs } = time;
  const tally = tallyLive(live, stacks, time);
  const earlier = view.earlier && view.earlier.atNs < endNs ? view.earlier : undefined;
  const kept = earlier && tallyKept(earlier, live, stacks, minAgeNs);
  const looked = largestHolders(tally).map((stack): Candidate => {
    const series = heldSeries(view.held, stack, birthsEndNs);
    const evidence = gatherEvidence(stack, series, tally, kept, time);
    const usable = tally.usableBytes?.[stack];
    return {
      ...evidence,
      ...decide(evidence, tally, time),
      ...(usable === undefined ? {} : { usableBytes: usable }),
    };
  });
  const weight = (it: Candidate) => guilt(it, birthsEndNs);
  return {
    accused: looked.filter(it => it.accused).sort((a, b) => weight(b) - weight(a)),
    others: looked.filter(it => !it.accused).sort((a, b) => b.bytes - a.bytes),
    liveBytes: tally.bytes.reduce((sum, bytes) => sum + bytes, 0),
    liveCount: tally.count.reduce((sum, count) => sum + count, 0),
  };
}

function guilt(candidate: Candidate, endNs: number): number {
  return Math.min(candidate.bytes, Math.max(0, candidate.line.slopePerSecond * (endNs / 1e9)));
}

/** The stacks with most held bytes, and those with most old bytes: a crowd must not hide a leak. */
function largestHolders(tally: LiveTally): number[] {
  const holding = Array.from(tally.count.keys()).filter(stack => tally.count[stack]! > 0);
  if (holding.length <= CANDIDATES_MAX) return holding;
  const top = (bytes: Float64Array) =>
    [...holding].sort((a, b) => bytes[b]! - bytes[a]! || a - b).slice(0, CANDIDATES_MAX / 2);
  return [...new Set([...top(tally.agedBytes), ...top(tally.bytes)])];
}

/**
 * First touches of the living allocations of each stack asked for. Stacks on whose memory no fault
 * was seen are absent from the answer.
 */
export function findTouches(
  live: LiveColumns,
  stacks: readonly number[],
  faults: FaultColumns,
): ReadonlyMap<number, Touch> {
  const never = new Float64Array(live.address.length).fill(NaN);
  const { address, sizeBytes, atNs } = live;
  const touches = joinFaults({ address, sizeBytes, atNs, freedAtNs: never }, faults);
  const rowsOf = new Map<number, number[]>(stacks.map(stack => [stack, []]));
  for (let row = 0; row < live.stack.length; row++) {
    if (touches.faults[row] !== 0) rowsOf.get(live.stack[row]!)?.push(row);
  }
  const found = new Map<number, Touch>();
  for (const [stack, rows] of rowsOf) {
    if (rows.length === 0) continue;
    const delays = Float64Array.from(rows, row => touches.firstAtNs[row]! - atNs[row]!).sort();
    const times = Float64Array.from(rows, row => touches.firstAtNs[row]!).sort();
    const [toucher, made] = mostFrequent(rows.map(row => touches.firstStack[row]!));
    found.set(stack, {
      allocations: rows.length,
      firstAtNs: times[0]!,
      lastAtNs: times.at(-1)!,
      medianDelayNs: delays[delays.length >> 1]!,
      stack: toucher,
      stackShare: made / rows.length,
    });
  }
  return found;
}

function mostFrequent(values: readonly number[]): readonly [value: number, times: number] {
  const times = new Map<number, number>();
  for (const value of values) times.set(value, (times.get(value) ?? 0) + 1);
  return [...times].reduce((best, next) => (next[1] > best[1] ? next : best));
}

/** Sum of the slopes of several candidates' held bytes, in bytes per second. */
export function summedSlope(candidates: readonly { readonly line: { slopePerSecond: number } }[]) {
  return candidates.reduce((sum, it) => sum + Math.max(0, it.line.slopePerSecond), 0);
}
