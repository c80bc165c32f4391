/**
 * The runtime's pc-value tables: pairs of varints, a zigzag delta of the value and a delta of the
 * pc in instruction quanta. What a reader would get wrong: the value starts at -1, and a zero
 * value delta ends the table everywhere but in its first pair (runtime/symtab.go, step).
 */
import { FormatError } from '../elf/index.js';

const VARINT_BYTES_MAX = 5;

/**
 * The value in force at `pcOffset` bytes behind the function's entry; -1 where the table does not
 * reach so far. `at` is the table's offset in `bytes`. Bounded by the bytes' length.
 */
export function pcValue(bytes: Uint8Array, at: number, quantum: number, pcOffset: number): number {
  const end = bytes.byteLength;
  let value = -1;
  let pc = 0;
  // The varints are read in place: this loop is where symbolizing spends its time.
  for (let pair = 0; ; pair++) {
    for (let half = 0; half < 2; half++) {
      const start = at;
      let word = 0;
      let byte = 0x80;
      for (let shift = 0; byte >= 0x80; shift += 7) {
        if (at >= end) throw new FormatError(at, 'pc-value table runs off its end');
        if (at - start === VARINT_BYTES_MAX) {
          throw new FormatError(start, 'pc-value varint is too long');
        }
        byte = bytes[at++]!;
        word |= (byte & 0x7f) << shift;
      }
      word >>>= 0;
      if (half === 1) {
        pc += word * quantum;
      } else {
        if (word === 0 && pair > 0) return -1;
        value = (value + ((word >>> 1) ^ -(word & 1))) | 0;
      }
    }
    if (pcOffset < pc) return value;
  }
}
