/**
 * A set of small whole numbers that answers "which is the largest member at or below r?" in a few
 * steps: a bitset with a bitset of its non-empty words on top, and so on. It is what makes the join
 * of faults with allocations a sweep and not a scan over every allocation that ever had an address.
 */

const WORD_BITS = 32;

/** A set over the ranks `0 … size - 1`, empty at first. Every operation takes O(log32 size). */
export class RankSet {
  /** `levels[0]` holds the members; a bit of `levels[k + 1]` says that a word below is not 0. */
  readonly #levels: Uint32Array[] = [];

  constructor(size: number) {
    let words = Math.max(1, Math.ceil(size / WORD_BITS));
    this.#levels.push(new Uint32Array(words));
    while (words > 1) {
      words = Math.ceil(words / WORD_BITS);
      this.#levels.push(new Uint32Array(words));
    }
  }

  /** Makes `rank` a member. */
  add(rank: number): void {
    let position = rank;
    for (const level of this.#levels) {
      level[position >>> 5]! |= 1 << (position & 31);
      position >>>= 5;
    }
  }

  /** Makes `rank` no member; does nothing when it was none. */
  delete(rank: number): void {
    let position = rank;
    for (const level of this.#levels) {
      level[position >>> 5]! &= ~(1 << (position & 31));
      if (level[position >>> 5] !== 0) return;
      position >>>= 5;
    }
  }

  /** The largest member ≤ `rank`, or -1 when there is none. */
  atOrBelow(rank: number): number {
    let position = rank;
    for (let depth = 0; depth < this.#levels.length; depth++) {
      if (position < 0) return -1;
      const bit = position & 31;
      const mask = bit === 31 ? 0xffffffff : (1 << (bit + 1)) - 1;
      const word = (this.#levels[depth]![position >>> 5]! & mask) >>> 0;
      if (word !== 0) return this.#descend(depth, position >>> 5, word);
      position = (position >>> 5) - 1;
    }
    return -1;
  }

  /** From a non-empty word at `depth`, down to its highest member. */
  #descend(depth: number, index: number, word: number): number {
    let position = index * WORD_BITS + (31 - Math.clz32(word));
    for (let level = depth - 1; level >= 0; level--) {
      position = position * WORD_BITS + (31 - Math.clz32(this.#levels[level]![position]!));
    }
    return position;
  }
}
