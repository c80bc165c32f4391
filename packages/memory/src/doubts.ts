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
  /** Why nobody may be accused on this probe's word; absent when somebody may. */
  readonly blocked?: string;
  /** Sentences that lower the claim. */
  readonly doubts: readonly string[];
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

/** How far the C allocator's probe can be believed. */
export function creditCHeap(seen: Observation): Credit {
  const probe = probeNamed(seen, PROBES.cHeap);
  const none = { endNs: seen.durationNs, doubts: [], missedDeaths: 0 };
  if (!seen.cgo && probe === undefined) return none;
  if (probe === undefined) return { ...none, blocked: 'the C heap was not watched' };
  if (probe.error !== undefined || seen.cHeap === undefined) {
    const why = probe.error ?? 'its maps were not read';
    return { ...none, blocked: `the C heap was not watched: ${why}` };
  }
  const free = probe.points.find(point => point.point === FREE_POINT);
  const doubts = [...doubtsOfPoints(probe), ...doubtsOfLosses(probe.name, seen)];
  const endNs = Math.min(seen.durationNs, ...detachTimes(probe));
  const losses = lossesOf(seen, probe.name);
  const missedDeaths = losses.probeMissed + losses.readFailed + losses.unpaired;
  if (free !== undefined && !free.attached) {
    const why = free.error ?? 'no reason given';
    const blocked = `free is not attached (${why}): what is freed is not known`;
    return { endNs, doubts, missedDeaths, blocked };
  }
  const blind = blindness(seen, probe);
  return { endNs, doubts, missedDeaths, ...(blind === undefined ? {} : { blind }) };
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
  const none = { endNs: seen.durationNs, doubts: [], missedDeaths: 0 };
  if (probe === undefined || probe.error !== undefined || seen.goLarge === undefined) {
    const why = probe?.error === undefined ? '' : `: ${probe.error}`;
    return { ...none, blocked: `large Go objects were not watched${why}` };
  }
  const losses = lossesOf(seen, probe.name);
  return {
    endNs: Math.min(seen.durationNs, ...detachTimes(probe)),
    doubts: [...doubtsOfPoints(probe), ...doubtsOfLosses(probe.name, seen)],
    missedDeaths: losses.probeMissed + losses.ringFull,
  };
}

/** Sentences on the page fault probe: it accuses nobody, but "reused" rests on it. */
export function doubtsOfFaults(seen: Observation): readonly string[] {
  const probe = probeNamed(seen, PROBES.faults);
  if (probe === undefined) return [];
  if (probe.error !== undefined) {
    return [`page faults were not watched (${probe.error}): first touches are not known`];
  }
  return [...doubtsOfPoints(probe), ...doubtsOfLosses(probe.name, seen)];
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

function doubtsOfPoints(probe: ProbeState): string[] {
  const missing = probe.points.filter(point => !point.attached && point.detachedAtNs === undefined);
  const sentences = probe.points.flatMap(point =>
    point.detachedAtNs === undefined
      ? []
      : [
          `${point.point} was taken off after ${formatDuration(point.detachedAtNs)} ` +
            `(${point.detachReason ?? 'to limit the overhead'}): what ${probe.name} says ends there`,
        ],
  );
  if (missing.length > 0) {
    const names = missing.map(point => point.point).join(', ');
    sentences.push(`${probe.name} is not attached to ${names}: what happens there is not seen`);
  }
  if (probe.points.some(point => point.attached) && hitsOf(probe) === 0) {
    sentences.push(`${probe.name} is attached and was not hit once`);
  }
  return sentences;
}

const LOSS_WORDS: Readonly<Record<keyof LossCounts, string>> = {
  ringFull: 'records did not fit the ring',
  mapFull: 'allocations did not fit the map',
  stackLost: 'stacks were lost',
  unpaired: 'calls were seen at one end only',
  probeMissed: 'hits were missed by the kernel',
  readFailed: 'reads of the target failed',
};

function doubtsOfLosses(name: string, seen: Observation): string[] {
  const losses = lossesOf(seen, name);
  const parts = (Object.keys(LOSS_WORDS) as (keyof LossCounts)[])
    .filter(kind => losses[kind] > 0)
    .map(kind => `${formatCount(losses[kind])} ${LOSS_WORDS[kind]}`);
  return parts.length === 0 ? [] : [`${name} lost something: ${parts.join('; ')}`];
}
