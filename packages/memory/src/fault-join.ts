/**
 * Which allocation did a page fault touch? The chain *allocated → touched → freed or still held*,
 * joined by address and time in one sweep. The fact a reader gets wrong: an address alone does not
 * name an allocation, because the same address is handed out again; only those alive at the time
 * of the fault count, and at any one time the living never overlap.
 */
import { lastAtOrBelow, orderBy } from './address-order.js';
import { RankSet } from './rank-set.js';
import type { FaultColumns } from './observation.js';

/** Lives of allocations: `freedAtNs` is NaN for those that were not seen to die. */
export interface LifeColumns {
  readonly address: Float64Array;
  readonly sizeBytes: Float64Array;
  readonly atNs: Float64Array;
  readonly freedAtNs: Float64Array;
}

/** Per allocation: when and by which stack it was first touched, and how many faults fell on it. */
export interface Touches {
  /** NaN when no fault was seen on it while it lived. */
  readonly firstAtNs: Float64Array;
  readonly firstStack: Uint32Array;
  readonly faults: Uint32Array;
}

/**
 * Joins faults with the lives of allocations. O((n + m) log n) in time; rows of either side may
 * come in any order. An allocation's own birth and death are inclusive: a fault of the same
 * nanosecond is its touch.
 */
export function joinFaults(lives: LifeColumns, faults: FaultColumns): Touches {
  const count = lives.address.length;
  const touches: Touches = {
    firstAtNs: new Float64Array(count).fill(NaN),
    firstStack: new Uint32Array(count),
    faults: new Uint32Array(count),
  };
  const sweep = new LivingByAddress(lives);
  const births = orderBy(lives.atNs);
  const deaths = orderDeaths(lives.freedAtNs);
  const touchOrder = orderBy(faults.atNs);
  let born = 0;
  let dead = 0;
  for (const fault of touchOrder) {
    const now = faults.atNs[fault]!;
    for (;;) {
      const birth = born < count ? lives.atNs[births[born]!]! : Infinity;
      const death = dead < deaths.length ? lives.freedAtNs[deaths[dead]!]! : Infinity;
      // A death before `now` goes first where times are equal: the address is reused at once.
      if (death < now && death <= birth) sweep.bury(deaths[dead++]!);
      else if (birth <= now) sweep.bear(births[born++]!);
      else break;
    }
    const row = sweep.at(faults.address[fault]!);
    if (row < 0) continue;
    if (touches.faults[row] === 0) {
      touches.firstAtNs[row] = now;
      touches.firstStack[row] = faults.stack[fault]!;
    }
    touches.faults[row]!++;
  }
  return touches;
}

/** Rows that die, in the order of their deaths. */
function orderDeaths(freedAtNs: Float64Array): Uint32Array {
  const rows: number[] = [];
  for (let row = 0; row < freedAtNs.length; row++) {
    if (!Number.isNaN(freedAtNs[row]!)) rows.push(row);
  }
  const order = orderBy(Float64Array.from(rows, row => freedAtNs[row]!));
  return order.map(index => rows[index]!);
}

/** The allocations alive at the sweep's moment, found by any address inside them. */
class LivingByAddress {
  readonly #lives: LifeColumns;
  /** Distinct start addresses in ascending order; a start's place in it is its rank. */
  readonly #starts: Float64Array;
  readonly #rankOfRow: Uint32Array;
  readonly #rowOfRank: Int32Array;
  readonly #living: RankSet;

  constructor(lives: LifeColumns) {
    this.#lives = lives;
    const order = orderBy(lives.address);
    this.#rankOfRow = new Uint32Array(order.length);
    const starts = new Float64Array(order.length);
    let ranks = 0;
    for (const row of order) {
      const start = lives.address[row]!;
      if (ranks === 0 || starts[ranks - 1] !== start) starts[ranks++] = start;
      this.#rankOfRow[row] = ranks - 1;
    }
    this.#starts = starts.subarray(0, ranks);
    this.#rowOfRank = new Int32Array(ranks).fill(-1);
    this.#living = new RankSet(ranks);
  }

  bear(row: number): void {
    const rank = this.#rankOfRow[row]!;
    this.#rowOfRank[rank] = row;
    this.#living.add(rank);
  }

  /** A death of an address that was already handed out again (records swapped) changes nothing. */
  bury(row: number): void {
    const rank = this.#rankOfRow[row]!;
    if (this.#rowOfRank[rank] !== row) return;
    this.#rowOfRank[rank] = -1;
    this.#living.delete(rank);
  }

  at(address: number): number {
    const rank = lastAtOrBelow(this.#starts, address);
    const living = rank < 0 ? -1 : this.#living.atOrBelow(rank);
    if (living < 0) return -1;
    const row = this.#rowOfRank[living]!;
    return address < this.#lives.address[row]! + this.#lives.sizeBytes[row]! ? row : -1;
  }
}
