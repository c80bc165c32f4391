/**
 * Opens an ELF64 little-endian file and holds its tables. What a reader would get wrong: nothing
 * beyond the headers is read before it is asked for, so a damaged table is refused late.
 */
import { type ByteReader, readU64, viewOf } from './byte-reader.js';
import * as c from './constants.js';
import { type Arch, cString, ElfImage, type ElfSection, type ElfSegment } from './elf-image.js';
import { FormatError } from './format-error.js';
import { type ElfNote, readBuildId, readNotes } from './notes.js';
import { type RelativeRelocations, readRelativeRelocations } from './relocations.js';
import { type ElfSymbol, readSymbols } from './symbols.js';

/** First 20 bytes of an ELF file, enough to say what it is for. */
export interface ElfIdent {
  /** ELFCLASS32 or ELFCLASS64. */
  readonly class: number;
  /** ELFDATA2LSB or another byte order. */
  readonly data: number;
  readonly type: number;
  readonly machine: number;
  /** Our name of the machine; undefined for every other one. */
  readonly arch: Arch | undefined;
}

const EHDR_BYTES = 64;
const PHDR_BYTES = 56;
const SHDR_BYTES = 64;

/** What kind of ELF file this is. Throws FormatError when it is none. */
export function readElfIdent(reader: ByteReader): ElfIdent {
  if (reader.size < 20) throw new FormatError(0, 'ELF file too short', reader.size);
  const bytes = reader.read(0, 20);
  const view = viewOf(bytes);
  const magic = view.getUint32(0, false);
  if (magic !== 0x7f454c46) throw new FormatError(0, 'bad ELF magic', magic);
  const machine = view.getUint16(18, true);
  return {
    class: bytes[4]!,
    data: bytes[5]!,
    type: view.getUint16(16, true),
    machine,
    arch: machine === c.EM_X86_64 ? 'x86_64' : machine === c.EM_AARCH64 ? 'arm64' : undefined,
  };
}

/** An opened ELF file. Tables are read when first asked for and kept. */
export class ElfFile extends ElfImage {
  #symbols: readonly ElfSymbol[] | undefined;
  #dynamicSymbols: readonly ElfSymbol[] | undefined;
  #notes: readonly ElfNote[] | undefined;
  #relocations: RelativeRelocations | undefined;

  /** Symbols of `.symtab`; empty where it was stripped. */
  symbols(): readonly ElfSymbol[] {
    return (this.#symbols ??= readSymbols(this, c.SHT_SYMTAB));
  }

  /** Symbols of `.dynsym`; empty in static programs. Versions are not part of the name. */
  dynamicSymbols(): readonly ElfSymbol[] {
    return (this.#dynamicSymbols ??= readSymbols(this, c.SHT_DYNSYM));
  }

  /** All notes, from sections where there are any, else from segments. */
  get notes(): readonly ElfNote[] {
    return (this.#notes ??= readNotes(this));
  }

  /** The GNU build ID in hexadecimal, or undefined. */
  get buildId(): string | undefined {
    return readBuildId(this.notes);
  }

  /** The slots that the loader fills with base + addend; empty for fixed programs. */
  relocations(): RelativeRelocations {
    return (this.#relocations ??= readRelativeRelocations(this));
  }

  /**
   * The pointer in the slot at a virtual address, as a running process with load bias 0 would
   * see it: relative relocations applied, because the file may hold zero there.
   */
  readPointer(address: number): number {
    const addend = this.relocations().addendAt(address);
    if (addend !== undefined) return addend;
    const offset = this.vaddrToOffset(address) ?? 0;
    return readU64(viewOf(this.readVirtual(address, 8)), 0, offset);
  }
}

/**
 * Reads headers, sections and segments. Costs three reads of a few kilobytes.
 * Throws FormatError for anything but a complete little-endian ELF64 of x86-64 or AArch64; a BPF
 * object is taken too when `bpfArch` says for which machine it was compiled.
 */
export function openElf(reader: ByteReader, bpfArch?: Arch): ElfFile {
  const ident = readElfIdent(reader);
  const arch = ident.machine === c.EM_BPF ? bpfArch : ident.arch;
  if (ident.class !== c.ELFCLASS64) throw new FormatError(4, 'not a 64-bit ELF', ident.class);
  if (ident.data !== c.ELFDATA2LSB) throw new FormatError(5, 'not little-endian', ident.data);
  if (arch === undefined) throw new FormatError(18, 'unknown machine', ident.machine);
  if (reader.size < EHDR_BYTES) throw new FormatError(0, 'ELF header is truncated', reader.size);
  const view = viewOf(reader.read(0, EHDR_BYTES));
  const head = { arch, type: ident.type, entry: readU64(view, 24) };
  const segments = readSegments(reader, view);
  return new ElfFile(reader, head, readSections(reader, view), segments);
}

function readSegments(reader: ByteReader, header: DataView): ElfSegment[] {
  const start = readU64(header, 32);
  const entryBytes = header.getUint16(54, true);
  const count = header.getUint16(56, true);
  if (count > 0 && entryBytes < PHDR_BYTES) {
    throw new FormatError(54, 'program header entry too small', entryBytes);
  }
  const view = viewOf(reader.read(start, count * entryBytes));
  return Array.from({ length: count }, (_, i) => {
    const at = i * entryBytes;
    return {
      type: view.getUint32(at, true),
      flags: view.getUint32(at + 4, true),
      offset: readU64(view, at + 8, start),
      address: readU64(view, at + 16, start),
      fileBytes: readU64(view, at + 32, start),
      memoryBytes: readU64(view, at + 40, start),
      align: readU64(view, at + 48, start),
    };
  });
}

function readSections(reader: ByteReader, header: DataView): ElfSection[] {
  const start = readU64(header, 40);
  const entryBytes = header.getUint16(58, true);
  if (start === 0) return [];
  if (entryBytes < SHDR_BYTES) throw new FormatError(58, 'section header too small', entryBytes);
  const first = viewOf(reader.read(start, SHDR_BYTES));
  // A count or index that does not fit in 16 bits stands in the first section (gABI, e_shnum).
  const count = header.getUint16(60, true) || readU64(first, 32, start);
  const namesIndex =
    header.getUint16(62, true) === 0xffff ? first.getUint32(40, true) : header.getUint16(62, true);
  if (count * entryBytes > reader.size) {
    throw new FormatError(60, 'more sections than the file can hold', count);
  }
  const view = viewOf(reader.read(start, count * entryBytes));
  const raw = Array.from({ length: count }, (_, i) => {
    const at = i * entryBytes;
    return {
      nameOffset: view.getUint32(at, true),
      type: view.getUint32(at + 4, true),
      // Flags above 2^32 are for processors we do not read; the low word holds the generic ones.
      flags: view.getUint32(at + 8, true),
      address: readU64(view, at + 16, start),
      offset: readU64(view, at + 24, start),
      sizeBytes: readU64(view, at + 32, start),
      link: view.getUint32(at + 40, true),
      entryBytes: readU64(view, at + 56, start),
    };
  });
  const names = raw[namesIndex];
  const table =
    names === undefined || names.type === c.SHT_NOBITS
      ? new Uint8Array(0)
      : reader.read(names.offset, names.sizeBytes);
  return raw.map(({ nameOffset, ...section }) => ({
    name: cString(table, nameOffset),
    ...section,
  }));
}
