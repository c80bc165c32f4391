/**
 * What lowers a claim, in words: losses, points that are not attached or were taken off, probes
 * that saw nothing. The fact a reader gets wrong: silence is no evidence. A probe that saw no call
 * says only that *it* saw none, and a missed free looks exactly like a leak.
 */
import { NO_LOSSES, type LossCounts, type Observation, type ProbeState } from './observation.js';
import { formatBytes, formatCount, formatDuration } from './quantity.js';

/** Names of the probes that the analysis understands. */
export const PROBES = { cHeap: 'cgo-malloc', goLarge: 'mallocgc', faults: 'pagefault' } as const;

/** Attach point of the C allocator's deaths: without it everything ever allocated seems held. */
const FREE_POINT = 'free';

/** Growth of the brk heap that proves that malloc was called. */
const BRK_WITNESS_BYTES = 256 * 1024;

/** How far one heap's probe can be believed. */
export interface Credit {
  /** End of the time in which births and deaths were both seen. */
  readonly endNs: number;
  /** End of the time in which deaths were seen: later than endNs where births were given up. */
  readonly deathsEndNs: number;
  /** Why nobody may be accused on this probe's word; absent when somebody may. */
  readonly blocked?: string;
  /** Sentences that lower the claim. */
  readonly doubts: readonly string[];
  /** Sentences on losses too small to lower it: calls that were in flight at the attach. */
  readonly notes: readonly string[];
  /** The probe is attached and certainly should have seen something, and did not. */
  readonly blind?: string;
  /** Deaths that may have been missed, at most. */
  readonly missedDeaths: number;
}

/** The probe of that name, or undefined when it was not part of the trace. */
export function probeNamed(seen: Observation, name: string): ProbeState | undefined {
  return seen.probes.find(probe => probe.name === name);
}

/** Losses of the probe of that name. */
export function lossesOf(seen: Observation, name: string): LossCounts {
  return seen.losses[name] ?? NO_LOSSES;
}

/** Hits of all sites of a probe. */
export function hitsOf(probe: ProbeState): number {
  let hits = 0;
  for (const point of probe.points) for (const site of point.sites) hits += site.hits;
  return hits;
}

/** What a probe that was never taken off starts with. */
function nothingKnown({ durationNs }: Observation): Credit {
  return { endNs: durationNs, deathsEndNs: durationNs, doubts: [], notes: [], missedDeaths: 0 };
}

/** How far the C allocator's probe can be believed. */
export function creditCHeap(seen: Observation): Credit {
  const probe = probeNamed(seen, PROBES.cHeap);
  const none = nothingKnown(seen);
  if (!seen.cgo && probe === undefined) return none;
  if (probe === undefined) return { ...none, blocked: 'the C heap was not watched' };
  if (probe.error !== undefined || seen.cHeap === undefined) {
    const why = probe.error ?? 'its maps were not read';
    return { ...none, blocked: `the C heap was not watched: ${why}` };
  }
  const free = probe.points.find(point => point.point === FREE_POINT);
  const { doubts, notes } = sayAll(probe, seen);
  const deathsEndNs = Math.min(seen.durationNs, free?.detachedAtNs ?? Infinity);
  const endNs = Math.min(deathsEndNs, ...detachTimes(probe));
  const losses = lossesOf(seen, probe.name);
  const missedDeaths = losses.probeMissed + losses.readFailed + losses.unpaired;
  if (free !== undefined && !free.attached) {
    const why = free.error ?? 'no reason given';
    const blocked = `free is not attached (${why}): what is freed is not known`;
    return { endNs, deathsEndNs, doubts, notes, missedDeaths, blocked };
  }
  const blind = blindness(seen, probe);
  const seenUntil = { endNs, deathsEndNs };
  return { ...seenUntil, doubts, notes, missedDeaths, ...(blind === undefined ? {} : { blind }) };
}

/** Attached, the target certainly allocating, and not one hit. */
function blindness(seen: Observation, probe: ProbeState): string | undefined {
  const grown = seen.cHeap?.brkGrowthBytes ?? 0;
  if (hitsOf(probe) > 0 || grown < BRK_WITNESS_BYTES) return undefined;
  return (
    `the heap that malloc extends grew by ${formatBytes(grown)}, ` +
    'and the probes on malloc saw not one call'
  );
}

/** How far the probe of large Go objects can be believed. */
export function creditGoHeap(seen: Observation): Credit {
  const probe = probeNamed(seen, PROBES.goLarge);
  const none = nothingKnown(seen);
  if (probe === undefined || probe.error !== undefined || seen.goLarge === undefined) {
    const why = probe?.error === undefined ? '' : `: ${probe.error}`;
    return { ...none, blocked: `large Go objects were not watched${why}` };
  }
  const losses = lossesOf(seen, probe.name);
  const endNs = Math.min(seen.durationNs, ...detachTimes(probe));
  return {
    endNs,
    deathsEndNs: endNs,
    ...sayAll(probe, seen),
    missedDeaths: losses.probeMissed + losses.ringFull,
  };
}

/** Sentences on the page fault probe: it accuses nobody, but "reused" rests on it. */
export function doubtsOfFaults(seen: Observation): Pick<Credit, 'doubts' | 'notes'> {
  const probe = probeNamed(seen, PROBES.faults);
  if (probe === undefined) return { doubts: [], notes: [] };
  if (probe.error !== undefined) {
    const doubt = `page faults were not watched (${probe.error}): first touches are not known`;
    return { doubts: [doubt], notes: [] };
  }
  return sayAll(probe, seen);
}

/** Faults are whole enough to say that memory was *not* touched since it was allocated. */
export function faultsAreWhole(seen: Observation): boolean {
  const probe = probeNamed(seen, PROBES.faults);
  if (seen.faults === undefined || probe === undefined || probe.error !== undefined) return false;
  const losses = lossesOf(seen, PROBES.faults);
  if (losses.ringFull + losses.mapFull + losses.probeMissed + losses.readFailed > 0) return false;
  return probe.points.some(point => point.attached) && detachTimes(probe).length === 0;
}

function detachTimes(probe: ProbeState): number[] {
  return probe.points.flatMap(point => point.detachedAtNs ?? []);
}

/** What a probe still says after some of its points were taken off. */
function whatIsLeft(probe: ProbeState): string {
  const freed = probe.points.find(point => point.point === FREE_POINT);
  return probe.name === PROBES.cHeap && freed?.attached === true
    ? 'what was allocated later is not known, what was freed of the rest is'
    : `what ${probe.name} says ends there`;
}

function doubtsOfPoints(probe: ProbeState): string[] {
  const detached = probe.points.filter(point => point.detachedAtNs !== undefined);
  const missing = probe.points.filter(point => !point.attached && point.detachedAtNs === undefined);
  const sentences: string[] = [];
  if (detached.length > 0) {
    const first = detached.reduce((a, b) => (b.detachedAtNs! < a.detachedAtNs! ? b : a));
    const names = detached.map(point => point.point).join(', ');
    const reason = first.detachReason ?? 'to limit the overhead';
    sentences.push(
      `${names} ${detached.length === 1 ? 'was' : 'were'} taken off after ` +
        `${formatDuration(first.detachedAtNs!)} (${reason}): ${whatIsLeft(probe)}`,
    );
  }
  if (missing.length > 0) {
    const names = missing.map(point => point.point).join(', ');
    sentences.push(`${probe.name} is not attached to ${names}: what happens there is not seen`);
  }
  return sentences;
}

/** What the silence of a probe says of the program, where it is ordinary. */
const SILENCE_MEANS: Readonly<Record<string, string>> = {
  [PROBES.goLarge]: 'the program made no Go object above 32 KiB and freed none',
  [PROBES.faults]: 'the program touched no memory for the first time',
};

/**
 * A probe that is attached and silent. For malloc that lowers the claim: cgo programs call it. A
 * program without large Go objects or page faults is ordinary, so there it is only a note.
 */
function saySilence(probe: ProbeState): Pick<Credit, 'doubts' | 'notes'> {
  const silent = probe.points.some(point => point.attached) && hitsOf(probe) === 0;
  if (!silent) return { doubts: [], notes: [] };
  const sentence = `${probe.name} is attached and was not hit once`;
  if (probe.name === PROBES.cHeap) return { doubts: [sentence], notes: [] };
  const meaning = SILENCE_MEANS[probe.name];
  return { doubts: [], notes: [meaning === undefined ? sentence : `${meaning} (${sentence})`] };
}

/** Everything that is to be said of a probe which was opened. */
function sayAll(probe: ProbeState, seen: Observation): Pick<Credit, 'doubts' | 'notes'> {
  const silence = saySilence(probe);
  const lost = sayLosses(probe, seen);
  return {
    doubts: [...doubtsOfPoints(probe), ...silence.doubts, ...lost.doubts],
    notes: [...silence.notes, ...lost.notes],
  };
}

/** Losses below this share of the hits lower no claim: they are noted all the same. */
const NEGLIGIBLE_SHARE = 0.001;
/** ... and so are these few, which are calls in flight when the probes came and went. */
const NEGLIGIBLE_COUNT = 8;

const LOSS_WORDS: Readonly<Record<keyof LossCounts, readonly [one: string, more: string]>> = {
  ringFull: ['record did not fit the ring', 'records did not fit the ring'],
  mapFull: ['entry did not fit its map', 'entries did not fit their maps'],
  stackLost: ['stack was lost', 'stacks were lost'],
  unpaired: ['call was seen at one end only', 'calls were seen at one end only'],
  probeMissed: ['hit was missed by the kernel', 'hits were missed by the kernel'],
  readFailed: ['read of the target failed', 'reads of the target failed'],
};

/** What was lost, in words: as a doubt where it is much, as a note where it is not. */
function sayLosses(probe: ProbeState, seen: Observation): Pick<Credit, 'doubts' | 'notes'> {
  const losses = lossesOf(seen, probe.name);
  const kinds = (Object.keys(LOSS_WORDS) as (keyof LossCounts)[]).filter(it => losses[it] > 0);
  if (kinds.length === 0) return { doubts: [], notes: [] };
  const parts = kinds.map(
    kind => `${formatCount(losses[kind])} ${LOSS_WORDS[kind][losses[kind] === 1 ? 0 : 1]}`,
  );
  const sentence = `${probe.name} lost something: ${parts.join('; ')}`;
  const total = kinds.reduce((sum, kind) => sum + losses[kind], 0);
  const few = total <= NEGLIGIBLE_COUNT && kinds.every(kind => kind === 'unpaired');
  return few || total < NEGLIGIBLE_SHARE * hitsOf(probe)
    ? { doubts: [], notes: [sentence] }
    : { doubts: [sentence], notes: [] };
}
