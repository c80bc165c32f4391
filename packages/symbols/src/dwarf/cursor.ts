/**
 * A position in a debugging section and the primitive reads at it. What a reader would get wrong:
 * offsets in errors count in the section's decompressed bytes, which the file need not hold as
 * they are.
 */
import { FormatError, viewOf } from '../elf/index.js';

/** Bytes of a LEB128 number that fits in 64 bits. */
const LEB_BYTES_MAX = 10;

/** Reads forward; every read is checked against the end it was given. */
export class Cursor {
  readonly bytes: Uint8Array;
  readonly #view: DataView;
  readonly #name: string;
  readonly #end: number;
  at: number;

  constructor(bytes: Uint8Array, name: string, at = 0, end: number = bytes.byteLength) {
    this.bytes = bytes;
    this.#view = viewOf(bytes);
    this.#name = name;
    this.#end = Math.min(end, bytes.byteLength);
    this.at = at;
    if (at > this.#end) throw this.error('offset beyond the end', at);
  }

  /** True when nothing is left. */
  get done(): boolean {
    return this.at >= this.#end;
  }

  /** The error of something wrong at the current position. */
  error(what: string, value?: unknown): FormatError {
    return new FormatError(this.at, `read ${this.#name}: ${what}`, value);
  }

  /** Moves over `count` bytes and returns where they begin. */
  skip(count: number): number {
    const start = this.at;
    if (!(count >= 0) || start + count > this.#end) throw this.error('truncated', count);
    this.at = start + count;
    return start;
  }

  /** An unsigned number of 1, 2, 4 or 8 bytes; 8 bytes above 2^53 are an error. */
  unsigned(sizeBytes: number): number {
    const start = this.skip(sizeBytes);
    switch (sizeBytes) {
      case 1:
        return this.#view.getUint8(start);
      case 2:
        return this.#view.getUint16(start, true);
      case 4:
        return this.#view.getUint32(start, true);
      default: {
        const value = this.#view.getBigUint64(start, true);
        if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw this.error('value above 2^53', value);
        return Number(value);
      }
    }
  }

  /** An unsigned LEB128 number; bits above 2^53 are lost, which only a skipped value may have. */
  uleb(): number {
    let value = 0;
    for (let i = 0; i < LEB_BYTES_MAX; i++) {
      const byte = this.bytes[this.skip(1)]!;
      value += (byte & 0x7f) * 2 ** (7 * i);
      if (byte < 0x80) return value;
    }
    throw this.error('number is too long');
  }

  /** Moves over a NUL-terminated string and returns where it begins. */
  skipString(): number {
    const start = this.at;
    let at = start;
    while (at < this.#end && this.bytes[at] !== 0) at++;
    if (at >= this.#end) throw this.error('string has no end');
    this.at = at + 1;
    return start;
  }
}
