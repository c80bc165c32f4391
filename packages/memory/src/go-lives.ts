/**
 * Lives of large Go objects, from the two streams of births and deaths. The fact a reader gets
 * wrong: the runtime frees spans lazily, when a sweep reaches them, so an object that is dead to
 * the program stays alive here until the collection after its death has swept it.
 */
import { orderBy } from './address-order.js';
import type { LifeColumns } from './fault-join.js';
import type { GoLargeObservation, HeldSample, LiveColumns } from './observation.js';

/**
 * Pairs deaths with births by address and time. A second birth at an address without a death
 * between (the death was lost) ends the first life there. A death of an unknown address belongs to
 * an object from before the trace and is counted.
 */
export function pairLives(seen: GoLargeObservation): {
  readonly lives: LifeColumns;
  readonly freedBeforeAttach: number;
} {
  const freedAtNs = new Float64Array(seen.address.length).fill(NaN);
  const living = new Map<number, number>();
  const births = orderBy(seen.atNs);
  const deaths = orderBy(seen.freeAtNs);
  let freedBeforeAttach = 0;
  let birth = 0;
  const bearUntil = (now: number) => {
    for (; birth < births.length && seen.atNs[births[birth]!]! <= now; birth++) {
      const row = births[birth]!;
      const before = living.get(seen.address[row]!);
      if (before !== undefined) freedAtNs[before] = seen.atNs[row]!;
      living.set(seen.address[row]!, row);
    }
  };
  for (const death of deaths) {
    const now = seen.freeAtNs[death]!;
    bearUntil(now);
    const row = living.get(seen.freeAddress[death]!);
    if (row === undefined) {
      freedBeforeAttach++;
      continue;
    }
    freedAtNs[row] = now;
    living.delete(seen.freeAddress[death]!);
  }
  bearUntil(Infinity);
  const { address, sizeBytes, atNs } = seen;
  return { lives: { address, sizeBytes, atNs, freedAtNs }, freedBeforeAttach };
}

/** The lives that have not ended, as live columns. */
export function stillLiving(lives: LifeColumns, stack: Uint32Array): LiveColumns {
  const rows = Array.from(lives.freedAtNs.keys()).filter(row =>
    Number.isNaN(lives.freedAtNs[row]!),
  );
  return {
    address: Float64Array.from(rows, row => lives.address[row]!),
    sizeBytes: Float64Array.from(rows, row => lives.sizeBytes[row]!),
    stack: Uint32Array.from(rows, row => stack[row]!),
    atNs: Float64Array.from(rows, row => lives.atNs[row]!),
  };
}

/** Held bytes of each stack at each of `timesNs` (ascending), from lives. */
export function heldOverTime(
  lives: LifeColumns,
  stack: Uint32Array,
  stacks: number,
  timesNs: readonly number[],
): HeldSample[] {
  const changes = timesNs.map(() => new Float64Array(stacks));
  for (let row = 0; row < stack.length; row++) {
    const size = lives.sizeBytes[row]!;
    const born = firstAtOrAfter(timesNs, lives.atNs[row]!);
    if (born < changes.length) changes[born]![stack[row]!]! += size;
    const freed = lives.freedAtNs[row]!;
    const died = Number.isNaN(freed) ? changes.length : firstAtOrAfter(timesNs, freed);
    if (died < changes.length) changes[died]![stack[row]!]! -= size;
  }
  let before = new Float64Array(stacks);
  return changes.map((change, index) => {
    before = change.map((bytes, column) => bytes + before[column]!);
    return { atNs: timesNs[index]!, heldBytes: before, freedBeforeAttach: 0 };
  });
}

function firstAtOrAfter(times: readonly number[], at: number): number {
  let low = 0;
  let high = times.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (times[middle]! < at) low = middle + 1;
    else high = middle;
  }
  return low;
}
