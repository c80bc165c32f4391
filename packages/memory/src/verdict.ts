/**
 * The verdict: one class, one sentence, one next step. The fact a reader gets wrong: "none" is a
 * claim too. It is only made as strongly as the probes saw, and what they missed stands in the
 * sentence, not in a footnote.
 */
import { ACCUSED_BYTES_MIN } from './accusation.js';
import type { CHeapTotals, GrowthPlace, StackFinding, Verdict } from './analysis.js';
import type { Credit } from './doubts.js';
import type { GoHeapTrend } from './go-heap.js';
import type { Growth } from './growth.js';
import type { Observation } from './observation.js';
import { formatBytes, formatDuration, formatRate } from './quantity.js';
import { callerOf, ownCodeOf, ownerOf, placeOf } from './stack-names.js';
import { clip, fitLine, growthOf, type Series } from './trend.js';

/** Growth of a part of RSS below this is not called growth. */
const GROWTH_MIN_BYTES = 2 * 1024 * 1024;

/** What the verdict is reached from. */
export interface VerdictInput {
  readonly seen: Observation;
  readonly minAgeNs: number;
  readonly suspects: readonly StackFinding[];
  readonly growth: Growth;
  readonly goTrend: GoHeapTrend | undefined;
  readonly cCredit: Credit;
  readonly goCredit: Credit;
  readonly faults: Pick<Credit, 'doubts' | 'notes'>;
  readonly cTotals?: CHeapTotals;
}

type Claim = Pick<Verdict, 'class' | 'sentence' | 'next' | 'where'>;

/** Reaches the verdict. The first of leak, retention, unexplained growth and nothing that holds. */
export function reachVerdict(input: VerdictInput): Verdict {
  const doubts = gatherDoubts(input);
  const claim =
    claimBlind(input) ??
    claimSuspects(input) ??
    (explainsLess(input) ? claimNotExplained(input) : undefined) ??
    claimRetention(input) ??
    claimShort(input) ??
    claimNotExplained(input) ??
    claimNothing(input, doubts);
  const { cCredit, goCredit, faults, growth } = input;
  return {
    ...claim,
    notExplainedBytes: growth.notExplainedBytes,
    caveats: [...doubts, ...cCredit.notes, ...goCredit.notes, ...faults.notes],
    ...(cCredit.blind === undefined ? {} : { failed: cCredit.blind }),
  };
}

/** True when what nobody explains is more than what the Go heap retains. */
function explainsLess({ growth, goTrend }: VerdictInput): boolean {
  return growth.notExplained && growth.notExplainedBytes > (goTrend?.retainedBytes ?? 0);
}

/** What lowers the claim, most important first. */
function gatherDoubts(input: VerdictInput): string[] {
  const { seen, cCredit, goCredit, faults, goTrend } = input;
  const ended: Partial<Record<Observation['ended'], string>> = {
    'target-exited': 'the target exited during the trace: which pages were resident is not known',
    interrupted: 'the trace was interrupted: the window is shorter than asked for',
    error: 'the trace ended with an error: the window is shorter than asked for',
  };
  return [
    ...(cCredit.blocked === undefined ? [] : [cCredit.blocked]),
    ...cCredit.doubts,
    ...(goCredit.blocked === undefined ? [] : [goCredit.blocked]),
    ...goCredit.doubts,
    ...faults.doubts,
    ...sayRest(input),
    ...(goTrend?.doubts ?? []),
    ...(goTrend === undefined ? ['the Go heap counters could not be read'] : []),
    ...[ended[seen.ended] ?? []].flat(),
  ];
}

/** Beside an accusation, growth that it does not explain is part of the truth. */
function sayRest({ suspects, growth }: VerdictInput): string[] {
  if (suspects.length === 0 || !growth.notExplained) return [];
  const rest = formatBytes(growth.notExplainedBytes);
  return [`beside it, ${rest} of the growth of RSS is not explained`];
}

function claimBlind({ cCredit, growth }: VerdictInput): Claim | undefined {
  if (cCredit.blind === undefined) return undefined;
  return {
    class: 'unexplained',
    sentence: `The trace saw nothing where there was something to see: ${cCredit.blind}.`,
    next: 'Run `sonde doctor`, and try another attach alternative with --attach.',
    where: growth.notExplained ? 'elsewhere' : 'c-heap',
  };
}

function claimSuspects(input: VerdictInput): Claim | undefined {
  const first = input.suspects[0];
  if (first === undefined || isOutweighed(input)) return undefined;
  return first.heap === 'c' ? claimLeak(input, first) : claimLarge(input, first);
}

/**
 * Births were seen for a part of the window only, and at the rate of that part all suspects
 * together would not come to half of what nobody explains: then they are not the answer.
 */
function isOutweighed({ cCredit, seen, suspects, growth }: VerdictInput): boolean {
  if (cCredit.endNs >= cCredit.deathsEndNs || !growth.notExplained) return false;
  const rate = suspects.reduce((sum, it) => sum + Math.max(0, it.bytesPerSecond), 0);
  return (rate * seen.durationNs) / 1e9 < 0.5 * growth.notExplainedBytes;
}

function claimLeak(input: VerdictInput, first: StackFinding): Claim {
  const same = input.suspects.filter(it => it.class === 'c-leak');
  const rate = same.reduce((sum, it) => sum + it.bytesPerSecond, 0);
  const bytes = same.reduce((sum, it) => sum + it.bytes, 0);
  const owner = ownerOf(first.frames);
  const caller = callerOf(first.frames);
  const own = ownCodeOf(first.frames);
  const behalf = own === undefined ? '' : ` for ${own.function}`;
  const from = owner === undefined ? '' : `, called from Go ${owner.function}${behalf},`;
  const who = `${caller}${from}`;
  const window = formatDuration(Math.min(input.cCredit.endNs, input.seen.durationNs));
  const verb = losesTrust(input.cCredit) ? 'probably leaks' : 'leaks';
  const others =
    same.length === 1
      ? ''
      : `; with ${same.length - 1} more ${same.length === 2 ? 'stack' : 'stacks'} ` +
        `${formatBytes(bytes)} at ${formatRate(rate)}`;
  const sentence =
    `C memory ${verb} at ${formatRate(first.bytesPerSecond)}: ${who} holds ` +
    `${formatBytes(first.bytes)} that it allocated within ${window} and did not free${others}.`;
  const origin = placeOf(first.frames.find(frame => frame.kind === 'c'));
  const start = own ?? owner;
  const path = start === undefined ? '' : `, on the path from ${start.function}${placeOf(start)}`;
  const next = `Look for the missing free of what ${caller}${origin} allocates${path}.`;
  return { class: 'c-leak', sentence, next, where: 'c-heap' };
}

/** Losses and a brake make it "probably leaks"; a rare allocator that is not attached does not. */
function losesTrust(credit: Credit): boolean {
  return credit.doubts.some(doubt => /lost something|taken off/.test(doubt));
}

function claimLarge(input: VerdictInput, first: StackFinding): Claim {
  const trend = input.goTrend!;
  const owner = ownerOf(first.frames)?.function ?? callerOf(first.frames);
  return {
    class: 'go-retention',
    sentence:
      `The Go heap retains more and more, ${formatRate(trend.bytesPerSecond)}: large objects ` +
      `allocated in ${owner} hold ${formatBytes(first.bytes)} and grow by ` +
      `${formatRate(first.bytesPerSecond)}.`,
    next: `Find what keeps the objects of ${owner} reachable: compare two pprof heap profiles.`,
    where: 'go-heap',
  };
}

function claimRetention({ goTrend, goCredit }: VerdictInput): Claim | undefined {
  if (goTrend?.retains !== true) return undefined;
  const large =
    goCredit.blocked === undefined
      ? 'no stack of large objects accounts for it, so it is many small ones'
      : goCredit.blocked;
  return {
    class: 'go-retention',
    sentence:
      `The Go heap retains ${formatBytes(goTrend.retainedBytes)} more after collections than ` +
      `before, ${formatRate(goTrend.bytesPerSecond)}; ${large}.`,
    next: 'Compare two pprof heap profiles (inuse_space) taken a minute apart.',
    where: 'go-heap',
  };
}

/** A window of fewer ages than this shows too few births of what is old by its end. */
const AGES_MIN = 4;

/**
 * The C heap grew to the end, and the window is too short for enough of it to have become old:
 * nobody was accused, which says nothing yet.
 */
function claimShort(input: VerdictInput): Claim | undefined {
  const { seen, minAgeNs, cTotals, cCredit } = input;
  const windowNs = Math.min(seen.durationNs, cCredit.endNs);
  if (cTotals === undefined || windowNs >= AGES_MIN * minAgeNs) return undefined;
  const grown = growthOf(cTotals.held);
  if (grown < Math.max(ACCUSED_BYTES_MIN, 0.5 * GROWTH_MIN_BYTES)) return undefined;
  const oldNs = windowNs - minAgeNs;
  if (oldNs > 0.4 * minAgeNs && !growsToTheEnd(cTotals.held, windowNs)) return undefined;
  const age = formatDuration(minAgeNs);
  const why =
    oldNs > 0.4 * minAgeNs
      ? `only what was taken in the first ${formatDuration(oldNs)} is older than ${age}`
      : `nothing can be accused before it is ${age} old`;
  return {
    class: 'unexplained',
    sentence:
      `The C heap grew by ${formatBytes(grown)} in ${formatDuration(windowNs)}, too short a time ` +
      `to tell a leak from traffic: ${why}.`,
    next: `Trace for at least ${formatDuration(AGES_MIN * minAgeNs)} (--duration).`,
    where: 'c-heap',
  };
}

/** Whether the second half of the window grew at least half as fast as the whole. */
function growsToTheEnd(held: Series, windowNs: number): boolean {
  const late = clip(held, windowNs / 2, windowNs);
  if (late.atNs.length < 3) return true;
  const whole = fitLine(held).slopePerSecond;
  return whole > 0 && fitLine(late).slopePerSecond >= 0.5 * whole;
}

function claimNotExplained(input: VerdictInput): Claim | undefined {
  const { growth, seen, cCredit, cTotals } = input;
  if (!growth.notExplained) return undefined;
  const grown = `RSS grew by ${formatBytes(growth.rssBytes)} in ${formatDuration(seen.durationNs)}`;
  const rest = formatBytes(growth.notExplainedBytes);
  const base = { class: 'unexplained', where: 'elsewhere' } as const;
  if (cTotals !== undefined && cCredit.endNs < seen.durationNs) {
    return {
      ...base,
      sentence:
        `${grown}, and ${rest} of it is not explained: the C heap could be followed for ` +
        `${formatDuration(cCredit.endNs)} only, in which it grew by ` +
        `${formatBytes(Math.max(0, growthOf(cTotals.held)))}.`,
      next:
        'Trace again with a higher --max-overhead, or off: tracing then slows the program more, ' +
        'and the C heap is seen to the end.',
    };
  }
  const followed = cCredit.blocked === undefined;
  const parts = !seen.cgo
    ? 'the Go heap does not explain'
    : followed
      ? 'neither the C heap nor the Go heap explains'
      : 'the Go heap does not explain (the C heap could not be followed)';
  return {
    ...base,
    sentence: `${grown}, and ${parts} ${rest} of it.`,
    next:
      followed || !seen.cgo
        ? 'Look for direct mmap or an allocator of its own: compare /proc/PID/smaps over a minute.'
        : 'Run `sonde doctor` and mend what keeps the C heap from being watched, then trace again.',
  };
}

function claimNothing(input: VerdictInput, doubts: readonly string[]): Claim {
  const { growth, seen } = input;
  const window = formatDuration(seen.durationNs);
  const place = placeOfGrowth(growth);
  const moved = formatBytes(Math.abs(growth.rssBytes));
  const way = growth.rssBytes > 0 ? 'grew by' : 'shrank by';
  const still = Math.abs(growth.rssBytes) < GROWTH_MIN_BYTES;
  const grown = `RSS ${still ? 'stayed within' : way} ${moved} over ${window}`;
  const part = place === 'nowhere' ? '' : `, ${PLACE_WORDS[place]}`;
  const sentence =
    doubts.length === 0
      ? `No leak: ${grown}${part}, and nothing that is held keeps growing.`
      : `No leak was seen, which is not proof: ${grown}${part}; ${doubts[0]}.`;
  return {
    class: 'none',
    sentence,
    next:
      'If RSS grows slowly, trace longer (--duration 5m); what leaks less than ' +
      `${formatBytes(ACCUSED_BYTES_MIN)} in one window is not accused.`,
    where: place,
  };
}

const PLACE_WORDS: Readonly<Record<Exclude<GrowthPlace, 'nowhere'>, string>> = {
  'c-heap': 'most of it C memory that its owners may still free',
  'go-heap': 'most of it in the Go heap, which does not retain it',
  'go-stacks': 'most of it goroutine stacks',
  files: 'most of it pages of mapped files',
  elsewhere: 'in no part that keeps growing',
};

/** The part of RSS that grew most, where RSS grew at all. */
function placeOfGrowth(growth: Growth): GrowthPlace {
  if (growth.rssBytes < GROWTH_MIN_BYTES) return 'nowhere';
  const parts: readonly (readonly [GrowthPlace, number])[] = [
    ['c-heap', growth.cHeapResidentBytes ?? 0],
    ['go-heap', Math.max(growth.goHeapInUseBytes ?? 0, growth.goHeapKeptBytes ?? 0)],
    ['go-stacks', growth.goStacksBytes ?? 0],
    ['files', growth.fileBytes + growth.shmemBytes],
    ['elsewhere', growth.notExplainedBytes],
  ];
  return parts.reduce((most, part) => (part[1] > most[1] ? part : most))[0];
}
