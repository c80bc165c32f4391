/**
 * The raw function table: entries, `_func` records, names and files, each part read from the
 * file when it is first needed and kept. What a reader would get wrong: entries are kept relative
 * to the text's start in 32 bits, whatever the layout; in a position-independent program of 1.17
 * and older they are relocations, not bytes.
 */
import { type ElfFile, FormatError, viewOf } from '../elf/index.js';
import type { ModuleData } from './module-data.js';
import type { PclntabHeader, PclntabPlace, TablePart } from './pclntab-header.js';
import type { PclntabLayout } from './pclntab-layout.js';

/** Longest function or file name; generic instances reach a few thousand bytes. */
const NAME_BYTES_MAX = 1 << 16;
/** A record offset of all ones marks a hole that the external linker made (cmd/link, pcln.go). */
const HOLE = 0xffffffff;
/** A file number or offset that stands for no file. */
export const NO_FILE = 0xffffffff;

/** Parts of one table, read on demand. Methods throw FormatError where the table is damaged. */
export class FunctionTable {
  readonly elf: ElfFile;
  readonly place: PclntabPlace;
  readonly header: PclntabHeader;
  readonly layout: PclntabLayout;
  readonly module: ModuleData;
  /** Number of functions. */
  readonly count: number;
  readonly #parts = new Map<TablePart, Buffer>();
  readonly #strings = new Map<number, string>();
  readonly #files = new Map<number, string>();
  #starts: Uint32Array | undefined;
  #records: DataView | undefined;
  #nameOffsets: Uint32Array | undefined;

  constructor(elf: ElfFile, place: PclntabPlace, header: PclntabHeader, module: ModuleData) {
    this.elf = elf;
    this.place = place;
    this.header = header;
    this.layout = header.layout;
    this.module = module;
    this.count = header.functions;
  }

  /** Bytes of a part; read once. */
  part(part: TablePart): Buffer {
    let bytes = this.#parts.get(part);
    if (bytes === undefined) {
      const raw = this.elf.reader.read(this.place.offset + part.start, part.end - part.start);
      bytes = Buffer.from(raw.buffer, raw.byteOffset, raw.byteLength);
      this.#parts.set(part, bytes);
    }
    return bytes;
  }

  /** Entries relative to the text's start, ascending, and the end of the last function. */
  get starts(): Uint32Array {
    return (this.#starts ??= this.#readStarts());
  }

  /** functab and the `_func` records. */
  get records(): DataView {
    return (this.#records ??= viewOf(this.part(this.header.records)));
  }

  /** Offset of the record of a function in {@link records}; -1 for a hole. */
  recordAt(index: number): number {
    const { entryBytes, func } = this.layout;
    const at =
      this.header.functab - this.header.records.start + index * 2 * entryBytes + entryBytes;
    const record = this.records.getUint32(at, true);
    if (record === HOLE) return -1;
    if (record + func.end > this.records.byteLength) {
      throw new FormatError(
        this.place.offset + this.header.records.start + at,
        'bad function offset',
        record,
      );
    }
    return record;
  }

  /** Name offset of every function, by index; {@link NO_FILE} for holes. Read in one pass. */
  get nameOffsets(): Uint32Array {
    if (this.#nameOffsets === undefined) {
      const offsets = new Uint32Array(this.count);
      for (let i = 0; i < this.count; i++) {
        const record = this.recordAt(i);
        offsets[i] = record < 0 ? HOLE : this.field(record, this.layout.func.name);
      }
      this.#nameOffsets = offsets;
    }
    return this.#nameOffsets;
  }

  /** A 32-bit field of a record. */
  field(record: number, offset: number): number {
    return this.records.getUint32(record + offset, true);
  }

  /** The function that holds an address; -1 outside the functions' code. */
  indexAt(address: number): number {
    const target = address - this.module.text;
    const { starts, count } = this;
    if (!(target >= starts[0]! && target < starts[count]!)) return -1;
    let low = 0;
    let high = count;
    while (high - low > 1) {
      const middle = (low + high) >>> 1;
      if (starts[middle]! <= target) low = middle;
      else high = middle;
    }
    return low;
  }

  /** The string of a name offset. */
  nameAt(offset: number): string {
    let name = this.#strings.get(offset);
    if (name === undefined) {
      name = this.#string(this.header.names, offset);
      this.#strings.set(offset, name);
    }
    return name;
  }

  /** True when a name begins at this offset: only then does a NUL stand before it. */
  isNameOffset(offset: number): boolean {
    const names = this.part(this.header.names);
    if (offset >= names.byteLength || names[offset] === 0) return false;
    return offset === 0 || names[offset - 1] === 0 || this.layout.parts === undefined;
  }

  /** The string of what {@link fileOffset} gave; undefined for {@link NO_FILE}. */
  fileAt(offset: number): string | undefined {
    if (offset === NO_FILE) return undefined;
    let file = this.#files.get(offset);
    if (file === undefined) {
      file = this.#string(this.header.files, offset);
      this.#files.set(offset, file);
    }
    return file;
  }

  /** Offset of a file's name by its number in the function of this record. */
  fileOffset(record: number, number: number): number {
    if (number < 0) return NO_FILE;
    const { unit } = this.layout.func;
    // In the oldest layout the first word of the file table is its length, not a file.
    if (unit === undefined && number === 0) return NO_FILE;
    const entry = (unit === undefined ? 0 : this.field(record, unit)) + number;
    const units = this.part(this.header.units);
    return entry * 4 + 4 > units.byteLength ? NO_FILE : units.readUInt32LE(entry * 4);
  }

  #string(part: TablePart, offset: number): string {
    const bytes = this.part(part);
    const end = bytes.indexOf(0, offset);
    if (offset >= bytes.byteLength || end < 0 || end - offset > NAME_BYTES_MAX) {
      throw new FormatError(this.place.offset + part.start, 'name runs off its table', offset);
    }
    return bytes.toString('utf8', offset, end);
  }

  #readStarts(): Uint32Array {
    const { count, header, layout } = this;
    const bytes = layout.entryBytes * (2 * count + 1);
    const at = this.place.offset + header.functab;
    const view = viewOf(this.elf.reader.read(at, bytes));
    const starts = new Uint32Array(count + 1);
    if (layout.entryBytes === 4) {
      for (let i = 0; i <= count; i++) starts[i] = view.getUint32(i * 8, true);
      return starts;
    }
    const entry = absoluteEntries(this.elf, this.place.address + header.functab, view, this.module);
    for (let i = 0; i <= count; i++) {
      const start = entry(i) - this.module.text;
      if (start < 0 || start > 0xffffffff) {
        throw new FormatError(at + i * 16, 'function entry outside the text', entry(i));
      }
      starts[i] = start;
    }
    // GNU ld for arm64 leaves a wrong end in the file; the relocation, which module data was read
    // by, has the right one. C code begins right behind it.
    starts[count] = this.module.maxpc - this.module.text;
    return starts;
  }
}

/** Entries of the layouts that hold addresses: in the file, or in its relocations. */
function absoluteEntries(
  elf: ElfFile,
  functab: number,
  view: DataView,
  module: { readonly minpc: number },
): (index: number) => number {
  const inFile = (i: number): number =>
    view.getUint32(i * 16 + 4, true) * 0x100000000 + view.getUint32(i * 16, true);
  if (inFile(0) === module.minpc) return inFile;
  const relocations = elf.relocations();
  return i => relocations.addendAt(functab + i * 16) ?? inFile(i);
}
