/**
 * What each stack still holds, from the rows that are alive at the end. The fact a reader gets
 * wrong: only the births of *old* survivors tell a leak from a crowd of short-lived blocks. Blocks
 * in flight are always young, so counting by age removes them whatever their rate.
 */
import { lastAtOrBelow, orderBy } from './address-order.js';
import type { HeldSample, LiveColumns } from './observation.js';
import type { Series } from './trend.js';

/** The time in which old survivors can have been born is cut into this many equal parts. */
export const BIRTH_PARTS = 6;

/** How long births and deaths were seen, and what counts as old. */
export interface SeenTime {
  /** Births were seen up to here; equal to endNs unless the allocators were given up earlier. */
  readonly birthsEndNs: number;
  /** Deaths were seen up to here. */
  readonly endNs: number;
  readonly minAgeNs: number;
}

/** Sums over the live allocations of each stack; every array is indexed by stack. */
export interface LiveTally {
  readonly bytes: Float64Array;
  readonly usableBytes: Float64Array | undefined;
  readonly count: Uint32Array;
  readonly agedBytes: Float64Array;
  readonly agedCount: Uint32Array;
  /** Birth of the oldest living block, Infinity for a stack that holds none. */
  readonly oldestAtNs: Float64Array;
  /** Bytes, and squares of bytes, of old survivors born in the earlier and the later half. */
  readonly earlyBytes: Float64Array;
  readonly earlySquares: Float64Array;
  readonly lateBytes: Float64Array;
  readonly lateSquares: Float64Array;
  /** Bit k: an old survivor was born in part k of {@link BIRTH_PARTS}. */
  readonly birthParts: Uint8Array;
}

/**
 * Sums the live allocations by stack in one pass. Rows born after `birthsEndNs` are ignored. Old
 * means born `minAgeNs` before `endNs`, the end of the time in which deaths were seen.
 */
export function tallyLive(
  live: LiveColumns,
  stacks: number,
  { birthsEndNs, endNs, minAgeNs }: SeenTime,
): LiveTally {
  const tally = emptyTally(stacks, live.usableBytes !== undefined);
  const agedSpanNs = Math.max(1, Math.min(birthsEndNs, endNs - minAgeNs));
  for (let row = 0; row < live.stack.length; row++) {
    const at = live.atNs[row]!;
    if (at > birthsEndNs) continue;
    const stack = live.stack[row]!;
    const size = live.sizeBytes[row]!;
    tally.bytes[stack]! += size;
    tally.count[stack]!++;
    if (tally.usableBytes) tally.usableBytes[stack]! += live.usableBytes![row]!;
    if (at < tally.oldestAtNs[stack]!) tally.oldestAtNs[stack] = at;
    if (at > endNs - minAgeNs) continue;
    tally.agedBytes[stack]! += size;
    tally.agedCount[stack]!++;
    const part = Math.floor((Math.max(0, at) / agedSpanNs) * BIRTH_PARTS);
    tally.birthParts[stack]! |= 1 << Math.min(BIRTH_PARTS - 1, part);
    const early = at * 2 < agedSpanNs;
    (early ? tally.earlyBytes : tally.lateBytes)[stack]! += size;
    (early ? tally.earlySquares : tally.lateSquares)[stack]! += size * size;
  }
  return tally;
}

function emptyTally(stacks: number, usable: boolean): LiveTally {
  return {
    bytes: new Float64Array(stacks),
    usableBytes: usable ? new Float64Array(stacks) : undefined,
    count: new Uint32Array(stacks),
    agedBytes: new Float64Array(stacks),
    agedCount: new Uint32Array(stacks),
    oldestAtNs: new Float64Array(stacks).fill(Infinity),
    earlyBytes: new Float64Array(stacks),
    earlySquares: new Float64Array(stacks),
    lateBytes: new Float64Array(stacks),
    lateSquares: new Float64Array(stacks),
    birthParts: new Uint8Array(stacks),
  };
}

/** Of what was old at an earlier look, how much was still held at the end; indexed by stack. */
export interface KeptTally {
  readonly oldCount: Uint32Array;
  readonly oldBytes: Float64Array;
  readonly keptBytes: Float64Array;
}

/**
 * Compares an earlier look with the rows alive at the end. A block is the same block when its
 * address and its birth are the same. Costs one sort of the final rows.
 */
export function tallyKept(
  earlier: { readonly atNs: number; readonly live: LiveColumns },
  live: LiveColumns,
  stacks: number,
  minAgeNs: number,
): KeptTally {
  const order = orderBy(live.address);
  const addresses = Float64Array.from(order, row => live.address[row]!);
  const tally: KeptTally = {
    oldCount: new Uint32Array(stacks),
    oldBytes: new Float64Array(stacks),
    keptBytes: new Float64Array(stacks),
  };
  const before = earlier.live;
  for (let row = 0; row < before.stack.length; row++) {
    if (before.atNs[row]! > earlier.atNs - minAgeNs) continue;
    const stack = before.stack[row]!;
    tally.oldCount[stack]!++;
    tally.oldBytes[stack]! += before.sizeBytes[row]!;
    const found = lastAtOrBelow(addresses, before.address[row]!);
    if (found < 0 || addresses[found] !== before.address[row]) continue;
    if (live.atNs[order[found]!] === before.atNs[row]) {
      tally.keptBytes[stack]! += before.sizeBytes[row]!;
    }
  }
  return tally;
}

/** Held bytes of one stack over time, up to `endNs`. */
export function heldSeries(held: readonly HeldSample[], stack: number, endNs: number): Series {
  const seen = held.filter(sample => sample.atNs <= endNs);
  return {
    atNs: seen.map(sample => sample.atNs),
    value: seen.map(sample => sample.heldBytes[stack] ?? 0),
  };
}

/** Held bytes of all stacks together over time, up to `endNs`. */
export function totalHeldSeries(held: readonly HeldSample[], endNs: number): Series {
  const seen = held.filter(sample => sample.atNs <= endNs);
  return {
    atNs: seen.map(sample => sample.atNs),
    value: seen.map(sample => sample.heldBytes.reduce((sum, bytes) => sum + bytes, 0)),
  };
}
