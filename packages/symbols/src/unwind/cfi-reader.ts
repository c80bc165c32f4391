/**
 * A cursor over call frame information: LEB128 numbers and pointers in the encodings of
 * `DW_EH_PE_*` (Linux Standard Base, Core, 10.5.1; DWARF 5, 7.6). What a reader would get wrong:
 * a pointer may be relative to its own place, so the cursor must know the virtual address of its
 * first byte, not the offset in the file.
 */
import { FormatError, viewOf } from '../elf/index.js';

/** Encoding of a pointer that is not there. */
export const DW_EH_PE_OMIT = 0xff;

const FORMAT_MASK = 0x0f;
const BASE_MASK = 0x70;
/** Bit of an encoding: the value is where the pointer lies, not the pointer. */
export const DW_EH_PE_INDIRECT = 0x80;

const PE_ABSPTR = 0x00;
const PE_ULEB128 = 0x01;
const PE_UDATA2 = 0x02;
const PE_UDATA4 = 0x03;
const PE_UDATA8 = 0x04;
const PE_SLEB128 = 0x09;
const PE_SDATA2 = 0x0a;
const PE_SDATA4 = 0x0b;
const PE_SDATA8 = 0x0c;

const BASE_ABSOLUTE = 0x00;
const BASE_PCREL = 0x10;
const BASE_DATAREL = 0x30;
/** The pointer lies at the next multiple of its own size. */
const BASE_ALIGNED = 0x50;
const POINTER_BYTES = 8;

/** No number in call frame information needs more bytes. */
const LEB_BYTES_MAX = 10;

/** Reads forward through some bytes; every read past their end throws FormatError. */
export class CfiReader {
  /** Index of the next byte. */
  at = 0;
  readonly bytes: Uint8Array;
  /** Virtual address of the first byte. */
  readonly address: number;
  readonly #view: DataView;

  constructor(bytes: Uint8Array, address: number) {
    this.bytes = bytes;
    this.address = address;
    this.#view = viewOf(bytes);
  }

  /** True when no byte is left. */
  get done(): boolean {
    return this.at >= this.bytes.byteLength;
  }

  /** Virtual address of the next byte: the offset that errors carry. */
  get place(): number {
    return this.address + this.at;
  }

  /** The next byte. */
  u8(): number {
    return this.#view.getUint8(this.#take(1));
  }

  /** The next two bytes, unsigned. */
  u16(): number {
    return this.#view.getUint16(this.#take(2), true);
  }

  /** The next four bytes, unsigned. */
  u32(): number {
    return this.#view.getUint32(this.#take(4), true);
  }

  /** The next eight bytes, signed; as a number, so exact only below 2^53 in size. */
  s64(): number {
    return Number(this.#view.getBigInt64(this.#take(8), true));
  }

  /** An unsigned LEB128 number. */
  uleb(): number {
    return this.#leb(false);
  }

  /** A signed LEB128 number. */
  sleb(): number {
    return this.#leb(true);
  }

  /** The next `length` bytes as a view. */
  take(length: number): Uint8Array {
    const start = this.#take(length);
    return this.bytes.subarray(start, start + length);
  }

  /** The bytes up to the next NUL as Latin-1 text; the NUL is skipped. */
  text(): string {
    const end = this.bytes.indexOf(0, this.at);
    if (end < 0) throw new FormatError(this.place, 'text without an end');
    const text = Buffer.from(this.bytes.subarray(this.at, end)).toString('latin1');
    this.at = end + 1;
    return text;
  }

  /**
   * A pointer in a `DW_EH_PE_*` encoding. `dataBase` is what `datarel` pointers count from. An
   * indirect one is returned as the address of the slot that holds it, because only the loader
   * fills those. Undefined for `DW_EH_PE_omit`.
   */
  pointer(encoding: number, dataBase = 0): number | undefined {
    if (encoding === DW_EH_PE_OMIT) return undefined;
    if ((encoding & BASE_MASK) === BASE_ALIGNED) return this.#aligned(encoding);
    const { place } = this;
    const value = this.#plain(encoding & ~DW_EH_PE_INDIRECT & 0xff);
    switch (encoding & BASE_MASK) {
      case BASE_ABSOLUTE:
        return value;
      case BASE_PCREL:
        return value + place;
      case BASE_DATAREL:
        return value + dataBase;
      default:
        throw new FormatError(place, 'unsupported base of a pointer encoding', encoding);
    }
  }

  /** Goes past a pointer in any encoding, whatever it counts from: nobody asks for its value. */
  skipPointer(encoding: number): void {
    if (encoding === DW_EH_PE_OMIT) return;
    if ((encoding & BASE_MASK) === BASE_ALIGNED) this.#aligned(encoding);
    else this.#plain(encoding & FORMAT_MASK);
  }

  /** A length in the format of an encoding, whatever its base: the size of an FDE's range. */
  length(encoding: number): number {
    const value = this.#plain(encoding & FORMAT_MASK);
    if (value < 0) throw new FormatError(this.place, 'negative length', value);
    return value;
  }

  #aligned(encoding: number): number {
    const { place } = this;
    if ((encoding & FORMAT_MASK) !== PE_ABSPTR) {
      throw new FormatError(place, 'aligned pointer of another format', encoding);
    }
    this.take(Math.ceil(place / POINTER_BYTES) * POINTER_BYTES - place);
    return this.s64();
  }

  #plain(encoding: number): number {
    switch (encoding & FORMAT_MASK) {
      case PE_ABSPTR:
      case PE_UDATA8:
      case PE_SDATA8:
        return this.s64();
      case PE_ULEB128:
        return this.uleb();
      case PE_UDATA2:
        return this.u16();
      case PE_UDATA4:
        return this.u32();
      case PE_SLEB128:
        return this.sleb();
      case PE_SDATA2:
        return (this.u16() << 16) >> 16;
      case PE_SDATA4:
        return this.u32() | 0;
      default:
        throw new FormatError(this.place, 'unknown pointer encoding', encoding);
    }
  }

  #leb(signed: boolean): number {
    const start = this.at;
    let value = 0;
    let scale = 1;
    for (let i = 0; i < LEB_BYTES_MAX; i++) {
      const byte = this.u8();
      value += (byte & 0x7f) * scale;
      scale *= 128;
      if (byte < 0x80) return signed && (byte & 0x40) !== 0 ? value - scale : value;
    }
    throw new FormatError(
      this.address + start,
      'LEB128 number is too long',
      `${this.at - start} bytes`,
    );
  }

  #take(length: number): number {
    const start = this.at;
    if (length > this.bytes.byteLength - start) {
      throw new FormatError(this.address + start, 'call frame information ends early', length);
    }
    this.at = start + length;
    return start;
  }
}
