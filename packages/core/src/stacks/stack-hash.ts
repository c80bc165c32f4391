/**
 * The hash under which BPF keeps a stack (sonde_mix in sonde_stack.bpf.h), one address at a time:
 * (hash ^ address) * 0x9e3779b97f4a7c15, then its upper 35 bits are folded in. What a reader would
 * get wrong: it is computed in halves of 32 bits, because 64-bit products as BigInt cost more than
 * all the rest of unwinding a stack.
 */

/** The multiplier 0x9e3779b97f4a7c15, its low half in 16-bit digits. */
const HIGH = 0x9e3779b9;
const LOW = 0x7f4a7c15;
const LOW_UPPER = 0x7f4a;
const LOW_LOWER = 0x7c15;
const TWO_16 = 0x1_0000;
const TWO_32 = 0x1_0000_0000;

/** A hash that addresses are mixed into, innermost first. */
export class StackHash {
  #high: number;
  #low: number;

  /** Starts with the id of what continues the stack; 0n for nothing. */
  constructor(next: bigint) {
    this.#high = Number((next >> 32n) & 0xffffffffn);
    this.#low = Number(next & 0xffffffffn);
  }

  /** Mixes in an address below 2^53. */
  mix(address: number): void {
    const high = (this.#high ^ Math.floor(address / TWO_32)) >>> 0;
    const low = (this.#low ^ address) >>> 0;
    const [upper, lower] = [low >>> 16, low & 0xffff];
    const first = lower * LOW_LOWER;
    const middle = lower * LOW_UPPER + upper * LOW_LOWER + Math.floor(first / TWO_16);
    const carried = upper * LOW_UPPER + Math.floor(middle / TWO_16);
    const productLow = (((middle & 0xffff) << 16) | (first & 0xffff)) >>> 0;
    const crossed = Math.imul(high, LOW) + Math.imul(low, HIGH);
    const productHigh = (carried + crossed) >>> 0;
    this.#low = (productLow ^ ((productHigh << 3) | (productLow >>> 29))) >>> 0;
    this.#high = (productHigh ^ (productHigh >>> 29)) >>> 0;
  }

  /** All 64 bits. */
  get value(): bigint {
    return (BigInt(this.#high) << 32n) | BigInt(this.#low);
  }
}
