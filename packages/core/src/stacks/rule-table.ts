/**
 * The table of rules that BPF walks stacks by, written through the mapping of its map. What a
 * reader would get wrong: BPF reads while this writes, so a slot's rule is stored before its
 * address, and an address is never replaced by another one, only all of them at once.
 *
 *   slot: address u64 │ rule u64; 65536 slots, at (address × 2^64/φ) >> 48 or up to three behind it
 */

/** Slots of the table: SONDE_RULES in bpf/sonde_unwind.bpf.h. */
export const RULE_SLOTS = 65536;
/** What has to be mapped of its map's memory. */
export const RULE_TABLE_BYTES = 16 * RULE_SLOTS;

const TRIES = 4;
const GOLDEN = 0x9e3779b97f4a7c15n;
/** Bit of a key that says: an instruction's own address. */
const EXACT = 1n << 63n;

/** The key of an address in the table. */
export function ruleKey(address: number, exact: boolean): bigint {
  return exact ? BigInt(address) | EXACT : BigInt(address);
}

/** Writes rules into memory that BPF programs read. */
export class RuleTable {
  readonly #words: BigUint64Array;
  #count = 0;

  /** `memory` is RULE_TABLE_BYTES long. */
  constructor(memory: ArrayBufferLike) {
    this.#words = new BigUint64Array(memory, 0, 2 * RULE_SLOTS);
  }

  /** Rules in the table. */
  get count(): number {
    return this.#count;
  }

  /**
   * Puts a rule in, unless its key is there already. Returns false when its four slots are taken:
   * stacks through that address then always go to user space.
   */
  install(key: bigint, rule: bigint): boolean {
    const first = Number(BigInt.asUintN(64, key * GOLDEN) >> 48n);
    for (let i = 0; i < TRIES; i++) {
      const at = 2 * ((first + i) % RULE_SLOTS);
      const found = Atomics.load(this.#words, at);
      if (found === key) return true;
      if (found !== 0n) continue;
      Atomics.store(this.#words, at + 1, rule);
      Atomics.store(this.#words, at, key);
      this.#count++;
      return true;
    }
    return false;
  }

  /** Forgets everything, as when a file was unmapped and its addresses may mean other code. */
  clear(): void {
    for (let at = 0; at < this.#words.length; at += 2) Atomics.store(this.#words, at, 0n);
    this.#count = 0;
  }
}
