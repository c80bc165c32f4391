/**
 * From one observation to its analysis: each heap's suspects, the split of growth, the verdict.
 * Deterministic: the same observation gives the same answer, and no clock is read. A million live
 * allocations cost well under two seconds.
 */
import { totalHeldSeries, type SeenTime } from './accounts.js';
import type { Analysis, CHeapTotals, GoLargeTotals, StackFinding } from './analysis.js';
import {
  creditCHeap,
  creditGoHeap,
  doubtsOfFaults,
  faultsAreWhole,
  type Credit,
} from './doubts.js';
import { readGoHeapTrend } from './go-heap.js';
import { heldOverTime, pairLives, stillLiving } from './go-lives.js';
import { splitGrowth } from './growth.js';
import type {
  CHeapObservation,
  GoLargeObservation,
  LiveColumns,
  Observation,
  Surroundings,
} from './observation.js';
import { takePageCensus, type PageCensus } from './page-census.js';
import { acquit } from './second-thoughts.js';
import { findSuspects, findTouches, type Candidate, type HeapFinding } from './suspects.js';
import { reachVerdict } from './verdict.js';

/** Suspects and other holders that are reported, of each kind. */
const REPORTED_MAX = 8;

/** One heap, looked through. */
interface HeapResult<Totals> {
  readonly finding: HeapFinding;
  readonly credit: Credit;
  readonly live: LiveColumns;
  readonly totals: Totals;
  readonly pages?: PageCensus;
}

/** Analyses what one trace saw. Throws a RangeError when columns do not have the same length. */
export function analyse(seen: Observation, surroundings: Surroundings): Analysis {
  const cHeap = seen.cHeap && lookAtCHeap(seen, seen.cHeap, surroundings);
  const goLarge = seen.goLarge && lookAtGoLarge(seen, seen.goLarge, surroundings);
  const goTrend = readGoHeapTrend(seen.memory);
  const growth = splitGrowth(seen.memory, cHeap?.totals.held, cHeap?.pages?.total);
  const cAccused = cHeap ? acquit(cHeap.finding, cHeap.credit, seen, growth) : undefined;
  const goAccused =
    goLarge && goTrend?.retains === true
      ? acquit(goLarge.finding, goLarge.credit, seen, growth)
      : goLarge && acquitAll(goLarge.finding);
  const cReport = cHeap && reporter(seen, surroundings, cHeap, 'c');
  const goReport = goLarge && reporter(seen, surroundings, goLarge, 'go');
  const suspects = [
    ...(cAccused?.accused ?? []).slice(0, REPORTED_MAX).map(it => cReport!(it, 'c-leak')),
    ...(goAccused?.accused ?? []).slice(0, REPORTED_MAX).map(it => goReport!(it, 'go-retention')),
  ].sort((a, b) => Math.min(b.bytes, reach(seen, b)) - Math.min(a.bytes, reach(seen, a)));
  const holders = [
    ...(cAccused?.others ?? []).slice(0, REPORTED_MAX).map(it => cReport!(it, 'none')),
    ...(goAccused?.others ?? []).slice(0, REPORTED_MAX).map(it => goReport!(it, 'none')),
  ].sort((a, b) => b.bytes - a.bytes);
  const verdict = reachVerdict({
    seen,
    minAgeNs: surroundings.minAgeNs,
    suspects,
    growth,
    goTrend,
    cCredit: creditCHeap(seen),
    goCredit: creditGoHeap(seen),
    faults: doubtsOfFaults(seen),
    ...(cHeap ? { cTotals: cHeap.totals } : {}),
  });
  return {
    suspects,
    holders: holders.slice(0, REPORTED_MAX),
    verdict,
    growth,
    ...(cHeap ? { cHeap: cHeap.totals } : {}),
    ...(goLarge ? { goLarge: goLarge.totals } : {}),
    ...(goTrend ? { goHeap: goTrend } : {}),
    minAgeNs: surroundings.minAgeNs,
  };
}

/** What a stack's slope comes to over the whole window. */
function reach(seen: Observation, it: StackFinding): number {
  return Math.max(0, (it.bytesPerSecond * seen.durationNs) / 1e9);
}

/** Large objects of a Go heap that does not retain more and more are nobody's fault. */
function acquitAll(finding: HeapFinding): HeapFinding {
  const why = 'the Go heap as a whole does not retain more and more';
  const cleared = finding.accused.map((it): Candidate => ({ ...it, accused: false, why }));
  const others = [...cleared, ...finding.others].sort((a, b) => b.bytes - a.bytes);
  return { ...finding, accused: [], others };
}

/**
 * Births that were seen long enough show growth by themselves, and are judged as a whole window is.
 * Only where the brake took them off early does the rest of the window, with deaths alone, have to
 * tell whether they stayed.
 */
function timeOf({ endNs, deathsEndNs }: Credit, { minAgeNs }: Surroundings): SeenTime {
  const longEnough = endNs >= 2 * minAgeNs;
  return { birthsEndNs: endNs, endNs: longEnough ? endNs : deathsEndNs, minAgeNs };
}

function lookAtCHeap(
  seen: Observation,
  heap: CHeapObservation,
  surroundings: Surroundings,
): HeapResult<CHeapTotals> {
  checkLengths(heap.live);
  const credit = creditCHeap(seen);
  const finding = findSuspects({
    held: heap.held,
    live: heap.live,
    ...(heap.earlier ? { earlier: heap.earlier } : {}),
    stacks: heap.allocs.length,
    time: timeOf(credit, surroundings),
  });
  const sum = (column: Float64Array) => column.reduce((total, value) => total + value, 0);
  const totals: CHeapTotals = {
    allocs: sum(heap.allocs),
    frees: sum(heap.frees),
    allocBytes: sum(heap.allocBytes),
    freeBytes: sum(heap.freeBytes),
    liveBytes: finding.liveBytes,
    liveCount: finding.liveCount,
    freedBeforeAttach:
      heap.held.findLast(look => look.atNs <= credit.endNs)?.freedBeforeAttach ?? 0,
    held: totalHeldSeries(heap.held, credit.endNs),
  };
  return {
    finding,
    credit,
    live: heap.live,
    totals,
    ...censusOf(seen, surroundings, heap.live, finding),
  };
}

function lookAtGoLarge(
  seen: Observation,
  large: GoLargeObservation,
  surroundings: Surroundings,
): HeapResult<GoLargeTotals> {
  const { lives, freedBeforeAttach } = pairLives(large);
  const live = stillLiving(lives, large.stack);
  const stacks = large.stack.reduce((most, stack) => Math.max(most, stack + 1), 0);
  const credit = creditGoHeap(seen);
  const times = seen.memory.map(sample => sample.atNs);
  const finding = findSuspects({
    held: heldOverTime(lives, large.stack, stacks, times),
    live,
    stacks,
    time: timeOf(credit, surroundings),
  });
  const totals: GoLargeTotals = {
    allocs: large.address.length,
    frees: large.freeAddress.length,
    liveBytes: finding.liveBytes,
    liveCount: finding.liveCount,
    freedBeforeAttach,
  };
  return { finding, credit, live, totals, ...censusOf(seen, surroundings, live, finding) };
}

function censusOf(
  seen: Observation,
  surroundings: Surroundings,
  live: LiveColumns,
  finding: HeapFinding,
): { readonly pages?: PageCensus } {
  const stacks = reportable(finding).map(it => it.stack);
  const faults = faultsAreWhole(seen) ? seen.faults : undefined;
  const pages = takePageCensus(live, stacks, surroundings, faults);
  return pages ? { pages } : {};
}

function reportable(finding: HeapFinding): readonly Candidate[] {
  return [...finding.accused.slice(0, 2 * REPORTED_MAX), ...finding.others.slice(0, REPORTED_MAX)];
}

/** A function that turns a candidate of this heap into what is reported of it. */
function reporter(
  seen: Observation,
  surroundings: Surroundings,
  heap: HeapResult<unknown>,
  kind: 'c' | 'go',
): (it: Candidate, verdict: StackFinding['class']) => StackFinding {
  const stacks = reportable(heap.finding).map(it => it.stack);
  const touches = seen.faults && findTouches(heap.live, stacks, seen.faults);
  const totals = kind === 'c' ? seen.cHeap : undefined;
  return (it, verdict) => {
    const pages = heap.pages?.byStack.get(it.stack);
    const touch = touches?.get(it.stack);
    const truncated = surroundings.truncated?.(it.stack);
    return {
      class: verdict,
      heap: kind,
      stack: it.stack,
      bytes: it.bytes,
      ...(it.usableBytes === undefined ? {} : { usableBytes: it.usableBytes }),
      count: it.count,
      bytesPerSecond: it.line.slopePerSecond,
      agedBytes: it.agedBytes,
      agedCount: it.agedCount,
      oldestAgeNs: Math.max(0, heap.credit.deathsEndNs - it.oldestAtNs),
      ...(totals ? { allocs: totals.allocs[it.stack]!, frees: totals.frees[it.stack]! } : {}),
      ...(it.keptShare === undefined ? {} : { keptShare: it.keptShare }),
      ...(pages && pages.pageBytes > 0
        ? { touchedShare: pages.residentBytes / pages.pageBytes }
        : {}),
      ...(pages?.reusedBytes === undefined ? {} : { reusedBytes: pages.reusedBytes }),
      ...(pages?.newBytes === undefined ? {} : { newBytes: pages.newBytes }),
      ...(touch ? { touch: { ...touch, frames: surroundings.frames(touch.stack) } } : {}),
      series: it.series,
      frames: surroundings.frames(it.stack),
      ...(truncated === undefined ? {} : { truncated }),
      why: it.why,
    };
  };
}

function checkLengths(live: LiveColumns): void {
  const rows = live.address.length;
  const columns = [live.sizeBytes, live.stack, live.atNs, live.usableBytes ?? live.atNs];
  if (columns.some(column => column.length !== rows)) {
    throw new RangeError(`analyse: live columns are not equally long (${rows} addresses)`);
  }
}
