/**
 * Headers, sections and segments of an ELF64 little-endian file, and the way from a virtual
 * address to a place in the file. What a reader would get wrong: sections may be missing in a
 * stripped or packed program; addresses are translated by segments alone, as the kernel does.
 */
import { type ByteReader, readU64, viewOf } from './byte-reader.js';
import * as c from './constants.js';
import { FormatError } from './format-error.js';
import { type ElfNote, readBuildId, readNotes } from './notes.js';
import { type RelativeRelocations, readRelativeRelocations } from './relocations.js';
import { type ElfSymbol, readSymbols } from './symbols.js';

/** Architectures that Sonde reads code of. */
export type Arch = 'x86_64' | 'arm64';

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

/** A section header; `sizeBytes` is the size in memory for SHT_NOBITS. */
export interface ElfSection {
  readonly name: string;
  readonly type: number;
  readonly flags: number;
  readonly address: number;
  readonly offset: number;
  readonly sizeBytes: number;
  /** sh_link: for symbol tables the index of their string table. */
  readonly link: number;
  readonly entryBytes: number;
}

/** A program header. */
export interface ElfSegment {
  readonly type: number;
  readonly flags: number;
  readonly offset: number;
  readonly address: number;
  readonly fileBytes: number;
  readonly memoryBytes: number;
  readonly align: number;
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
export class ElfFile {
  readonly reader: ByteReader;
  readonly arch: Arch;
  /** Always ELFCLASS64: others are refused at opening. */
  readonly class: number = c.ELFCLASS64;
  /** ET_EXEC, ET_DYN or another e_type. */
  readonly type: number;
  readonly entry: number;
  readonly sections: readonly ElfSection[];
  readonly segments: readonly ElfSegment[];
  #symbols: readonly ElfSymbol[] | undefined;
  #dynamicSymbols: readonly ElfSymbol[] | undefined;
  #notes: readonly ElfNote[] | undefined;
  #relocations: RelativeRelocations | undefined;

  constructor(
    reader: ByteReader,
    head: { arch: Arch; type: number; entry: number },
    sections: readonly ElfSection[],
    segments: readonly ElfSegment[],
  ) {
    this.reader = reader;
    this.arch = head.arch;
    this.type = head.type;
    this.entry = head.entry;
    this.sections = sections;
    this.segments = segments;
  }

  /** The first section of that name, or undefined. */
  section(name: string): ElfSection | undefined {
    return this.sections.find(section => section.name === name);
  }

  /** A section's bytes in the file; empty for SHT_NOBITS. Throws FormatError when truncated. */
  sectionBytes(section: ElfSection): Uint8Array {
    if (section.type === c.SHT_NOBITS) return new Uint8Array(0);
    if ((section.flags & c.SHF_COMPRESSED) !== 0) {
      throw new FormatError(section.offset, 'compressed section is not supported', section.name);
    }
    return this.reader.read(section.offset, section.sizeBytes);
  }

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

  /** The PT_LOAD segment whose memory holds this address, or undefined. */
  segmentAt(address: number): ElfSegment | undefined {
    return this.segments.find(
      s => s.type === c.PT_LOAD && address >= s.address && address < s.address + s.memoryBytes,
    );
  }

  /** File offset of a virtual address; undefined outside the file-backed part of all segments. */
  vaddrToOffset(address: number): number | undefined {
    const segment = this.segmentAt(address);
    if (segment === undefined || address >= segment.address + segment.fileBytes) return undefined;
    return segment.offset + (address - segment.address);
  }

  /** Virtual address of a file offset by the segment that maps it; undefined where none does. */
  offsetToVaddr(offset: number): number | undefined {
    const segment = this.segments.find(
      s => s.type === c.PT_LOAD && offset >= s.offset && offset < s.offset + s.fileBytes,
    );
    return segment === undefined ? undefined : segment.address + (offset - segment.offset);
  }

  /** Bytes at a virtual address as the file holds them. Throws FormatError outside segments. */
  readVirtual(address: number, length: number): Uint8Array {
    const segment = this.segmentAt(address);
    if (segment === undefined || address + length > segment.address + segment.fileBytes) {
      throw new FormatError(0, 'address lies in no file-backed segment', address);
    }
    return this.reader.read(segment.offset + (address - segment.address), length);
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

/** The NUL-terminated string at an offset of a string table; empty outside of it. */
export function cString(table: Uint8Array, offset: number): string {
  if (offset >= table.byteLength) return '';
  const end = table.indexOf(0, offset);
  const bytes = table.subarray(offset, end < 0 ? table.byteLength : end);
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8');
}
