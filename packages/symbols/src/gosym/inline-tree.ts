/**
 * Records of inline trees, by layout. What a reader would get wrong: records to 1.19 name their
 * parent and the place of the call, later ones only an address whose own record is the parent;
 * trees of real programs contain cycles of either kind, so whoever follows them must stop.
 *
 * To 1.19 (20 bytes): 0 parent i16, 2 funcID, 4 file, 8 line, 12 name, 16 parentPc
 * From 1.20 (16 bytes): 0 funcID, 4 name, 8 parentPc, 12 startLine
 */
import { type ElfFile, viewOf } from '../elf/index.js';
import type { InlineLayout } from './pclntab-layout.js';

const PAGE_BYTES = 1 << 16;

/** Bytes by virtual address, fetched in pages that stay: trees of one program lie together. */
export class VirtualPages {
  readonly #elf: ElfFile;
  readonly #pages = new Map<number, DataView | undefined>();
  #page: DataView | undefined;
  #number = -1;

  constructor(elf: ElfFile) {
    this.#elf = elf;
  }

  /** A view and an offset in it that hold `length` bytes of an address; undefined where none. */
  at(address: number, length: number): { view: DataView; offset: number } | undefined {
    const number = Math.floor(address / PAGE_BYTES);
    const offset = address - number * PAGE_BYTES;
    if (number !== this.#number) {
      this.#page = this.#pageOf(number);
      this.#number = number;
    }
    if (this.#page !== undefined && offset + length <= PAGE_BYTES) {
      return { view: this.#page, offset };
    }
    if (this.#elf.vaddrToOffset(address + length - 1) === undefined) return undefined;
    if (this.#elf.vaddrToOffset(address) === undefined) return undefined;
    return { view: viewOf(this.#elf.readVirtual(address, length)), offset: 0 };
  }

  /** A whole page; undefined where a segment begins or ends inside of it. */
  #pageOf(number: number): DataView | undefined {
    if (this.#pages.has(number)) return this.#pages.get(number);
    const start = number * PAGE_BYTES;
    const segment = this.#elf.segmentAt(start);
    const whole =
      segment !== undefined && start + PAGE_BYTES <= segment.address + segment.fileBytes;
    const page = whole ? viewOf(this.#elf.readVirtual(start, PAGE_BYTES)) : undefined;
    this.#pages.set(number, page);
    return page;
  }
}

/** One record; reused by the reader, so copy what is kept. */
export interface InlineRecord {
  /** Offset of the inlined function's name. */
  name: number;
  /** Offset, behind the function's entry, of an instruction that stands where the call stood. */
  parentPc: number;
  /** Record of the caller, or negative; the number of the caller's file; the line of the call. */
  parent: number;
  file: number;
  line: number;
}

/** Reads records of one layout. */
export class InlineRecords {
  readonly #pages: VirtualPages;
  readonly #layout: InlineLayout;
  readonly #record: InlineRecord = { name: 0, parentPc: 0, parent: -1, file: -1, line: -1 };

  constructor(elf: ElfFile, layout: InlineLayout) {
    this.#pages = new VirtualPages(elf);
    this.#layout = layout;
  }

  /** The record at a position of the tree at an address; undefined outside the file's bytes. */
  read(tree: number, index: number): InlineRecord | undefined {
    const { bytes, name, parentPc, call } = this.#layout;
    const found = this.#pages.at(tree + index * bytes, bytes);
    if (found === undefined) return undefined;
    const { view, offset } = found;
    const record = this.#record;
    record.name = view.getUint32(offset + name, true);
    record.parentPc = view.getInt32(offset + parentPc, true);
    if (call !== null) {
      record.parent = view.getInt16(offset + call.parent, true);
      record.file = view.getInt32(offset + call.file, true);
      record.line = view.getInt32(offset + call.line, true);
    }
    return record;
  }
}
