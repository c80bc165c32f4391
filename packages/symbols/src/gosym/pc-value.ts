/**
 * The runtime's pc-value tables: pairs of varints, a zigzag delta of the value and a delta of the
 * pc in instruction quanta. What a reader would get wrong: the value starts at -1, and a zero
 * value delta ends the table everywhere but in its first pair (runtime/symtab.go, step).
 */
import { FormatError } from '../elf/index.js';

/** Mutable cursor of one walk; made once and reused, because lookups are hot. */
interface Cursor {
  at: number;
}

function readVarint(bytes: Uint8Array, cursor: Cursor): number {
  let value = 0;
  for (let shift = 0; shift < 35; shift += 7) {
    if (cursor.at >= bytes.byteLength) {
      throw new FormatError(cursor.at, 'pc-value table runs off its end');
    }
    const byte = bytes[cursor.at++]!;
    value |= (byte & 0x7f) << shift;
    if (byte < 0x80) return value >>> 0;
  }
  throw new FormatError(cursor.at, 'pc-value varint is too long');
}

/**
 * The value in force at `pcOffset` bytes behind the function's entry; -1 where the table does not
 * reach so far. `at` is the table's offset in `bytes`. Bounded by the bytes' length.
 */
export function pcValue(bytes: Uint8Array, at: number, quantum: number, pcOffset: number): number {
  const cursor: Cursor = { at };
  let value = -1;
  let pc = 0;
  for (let first = true; ; first = false) {
    const encoded = readVarint(bytes, cursor);
    if (encoded === 0 && !first) return -1;
    value = (value + ((encoded >>> 1) ^ -(encoded & 1))) | 0;
    pc += readVarint(bytes, cursor) * quantum;
    if (pcOffset < pc) return value;
  }
}
