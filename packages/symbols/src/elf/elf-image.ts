/**
 * An ELF64 file as its headers describe it: sections, segments, and the way from a virtual address
 * to a place in the file. What a reader would get wrong: addresses are translated by segments
 * alone, as the kernel does; sections may be missing.
 */
import type { ByteReader } from './byte-reader.js';
import * as c from './constants.js';
import { FormatError } from './format-error.js';

/** Architectures that Sonde reads code of. */
export type Arch = 'x86_64' | 'arm64';

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

/** Sections and segments of an opened file, and their bytes. Everything else is read through it. */
export class ElfImage {
  readonly reader: ByteReader;
  readonly arch: Arch;
  /** Always ELFCLASS64: others are refused at opening. */
  readonly class: number = c.ELFCLASS64;
  /** ET_EXEC, ET_DYN or another e_type. */
  readonly type: number;
  readonly entry: number;
  readonly sections: readonly ElfSection[];
  readonly segments: readonly ElfSegment[];

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
}

/** The NUL-terminated string at an offset of a string table; empty outside of it. */
export function cString(table: Uint8Array, offset: number): string {
  if (offset >= table.byteLength) return '';
  const end = table.indexOf(0, offset);
  const bytes = table.subarray(offset, end < 0 ? table.byteLength : end);
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8');
}

const BEYOND_ASCII = /[\x80-\xff]/;

/**
 * {@link cString} of one table many times: the table is turned into text once, because a conversion
 * for each of its strings takes several times as long.
 */
export function stringsOf(table: Uint8Array): (offset: number) => string {
  const text = Buffer.from(table.buffer, table.byteOffset, table.byteLength).toString('latin1');
  return offset => {
    const end = text.indexOf('\0', offset);
    const name = text.slice(offset, end < 0 ? undefined : end);
    return BEYOND_ASCII.test(name) ? cString(table, offset) : name;
  };
}
