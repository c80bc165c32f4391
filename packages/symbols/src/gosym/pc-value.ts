/**
 * The runtime's pc-value tables: pairs of varints, a zigzag delta of the value and a delta of the
 * pc in instruction quanta. What a reader would get wrong: the value starts at -1, and a zero
 * value delta ends the table everywhere but in its first pair (runtime/symtab.go, step).
 */
import { FormatError } from '../elf/index.js';

const VARINT_BYTES_MAX = 5;

/** A decoded table: `values[i]` holds up to `ends[i]` bytes behind the function's entry. */
export class PcValues {
  ends = new Uint32Array(256);
  values = new Int32Array(256);
  /** Number of ranges; what lies behind them in the columns is of an earlier function. */
  count = 0;

  /** Makes the table empty: a function without it. */
  clear(): void {
    this.count = 0;
  }

  /**
   * Decodes the table at an offset of `bytes`, for the first `pcMax` bytes of its function.
   * Throws FormatError where it runs off its end, or holds more steps than instructions fit in.
   */
  decode(bytes: Uint8Array, at: number, quantum: number, pcMax: number): void {
    const end = bytes.byteLength;
    const start = at;
    let steps = Math.ceil(pcMax / quantum) + 1;
    let value = -1;
    let pc = 0;
    let count = 0;
    // The varints are read in place: this loop is where symbolizing spends its time.
    while (pc < pcMax) {
      let word = at < end ? bytes[at++]! : runsOff(at);
      if (word >= 0x80) {
        word = longVarint(bytes, at - 1);
        at += varintBytes(word) - 1;
      }
      if (word === 0 && count > 0) break;
      value = (value + ((word >>> 1) ^ -(word & 1))) | 0;
      word = at < end ? bytes[at++]! : runsOff(at);
      if (word >= 0x80) {
        word = longVarint(bytes, at - 1);
        at += varintBytes(word) - 1;
      }
      pc += word * quantum;
      if (--steps < 0) throw new FormatError(start, 'pc-value table does not advance', at - start);
      if (count === this.ends.length) this.#grow();
      this.ends[count] = pc < pcMax ? pc : pcMax;
      this.values[count++] = value;
    }
    this.count = count;
  }

  #grow(): void {
    const [ends, values] = [this.ends, this.values];
    this.ends = new Uint32Array(ends.length * 2);
    this.values = new Int32Array(ends.length * 2);
    this.ends.set(ends);
    this.values.set(values);
  }
}

function runsOff(at: number): never {
  throw new FormatError(at, 'pc-value table runs off its end');
}

/** A varint of several bytes, as 32 bits; encoders never pad it, so its length follows from it. */
function longVarint(bytes: Uint8Array, at: number): number {
  let word = 0;
  for (let shift = 0, length = 0; ; shift += 7) {
    const byte = bytes[at + length++];
    if (byte === undefined) return runsOff(at);
    word |= (byte & 0x7f) << shift;
    if (byte < 0x80) {
      word >>>= 0;
      if (length !== varintBytes(word)) throw new FormatError(at, 'pc-value varint is padded');
      return word;
    }
    if (length === VARINT_BYTES_MAX) throw new FormatError(at, 'pc-value varint is too long');
  }
}

function varintBytes(word: number): number {
  if (word < 0x80) return 1;
  if (word < 0x4000) return 2;
  if (word < 0x200000) return 3;
  return word < 0x10000000 ? 4 : 5;
}
