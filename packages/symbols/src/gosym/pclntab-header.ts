/**
 * The head of a function table: how many functions, where its parts lie. What a reader would get
 * wrong: the order of the parts has not changed, but only their offsets are promised, so a part
 * ends where the next higher offset begins.
 */
import { type ElfFile, FormatError, readU64, viewOf } from '../elf/index.js';
import { type PclntabLayout, PCLNTAB_LAYOUTS } from './pclntab-layout.js';

/** Bytes of a part, counted from the table's start. */
export interface TablePart {
  readonly start: number;
  readonly end: number;
}

/** The header's number of functions and its parts. */
export interface PclntabHeader {
  readonly layout: PclntabLayout;
  /** Smallest instruction in bytes: the unit of pc-value tables. */
  readonly quantum: number;
  readonly functions: number;
  readonly names: TablePart;
  /** File numbers by compilation unit, or the file table of the oldest layout. */
  readonly units: TablePart;
  readonly files: TablePart;
  readonly pcTables: TablePart;
  /** functab, and behind it the `_func` records, whose offsets count from this part's start. */
  readonly records: TablePart;
  /** Offset of functab from the table's start. */
  readonly functab: number;
  /** False when the magic number is none of Go's and the layout was told by its structure. */
  readonly knownMagic: boolean;
}

/** Position of the table: file offset, virtual address, and how many bytes may belong to it. */
export interface PclntabPlace {
  readonly offset: number;
  readonly address: number;
  /** Upper bound: the section's size, or what is left of the segment. */
  readonly sizeBytesMax: number;
  readonly foundBy: 'section' | 'module data' | 'scan';
}

const FUNCTIONS_MAX = 1 << 24;
/** No program's table is larger; offsets in it are 32-bit words, and most are below 64 MiB. */
const TABLE_BYTES_MAX = 1 << 30;

/** The instruction quantum of an architecture, as the header must hold it. */
export function quantumOf(arch: ElfFile['arch']): 1 | 4 {
  return arch === 'arm64' ? 4 : 1;
}

/** Reads a header by a layout. Throws FormatError for impossible counts or offsets. */
export function readHeader(
  elf: ElfFile,
  place: PclntabPlace,
  layout: PclntabLayout,
): PclntabHeader {
  const size = Math.min(place.sizeBytesMax, TABLE_BYTES_MAX);
  if (size < layout.headerBytes) {
    throw new FormatError(place.offset, 'function table is truncated', size);
  }
  const view = viewOf(elf.reader.read(place.offset, layout.headerBytes));
  const quantum = view.getUint8(6);
  if (quantum !== quantumOf(elf.arch)) {
    throw new FormatError(place.offset + 6, 'bad instruction quantum', quantum);
  }
  if (view.getUint8(7) !== 8) {
    throw new FormatError(place.offset + 7, 'bad pointer size', view.getUint8(7));
  }
  const functions = readU64(view, 8, place.offset);
  const common = { layout, quantum, functions, knownMagic: magicOf(view) === layout.magic };
  const parts = layout.parts === undefined ? [] : partOffsets(view, layout.parts, place, size);
  const functab = parts[4] ?? layout.headerBytes;
  const functabBytes = functions * 2 * layout.entryBytes + layout.entryBytes;
  if (functions === 0 || functions > FUNCTIONS_MAX || functab + functabBytes > size) {
    throw new FormatError(place.offset + 8, 'more functions than the table can hold', functions);
  }
  const part = (index: number): TablePart => {
    const start = parts[index]!;
    return { start, end: Math.min(size, ...parts.filter(other => other > start)) };
  };
  if (layout.parts !== undefined) {
    const [names, units, files, pcTables, records] = [0, 1, 2, 3, 4].map(part);
    return {
      ...common,
      ...{ names: names!, units: units!, files: files!, pcTables: pcTables!, records: records! },
      functab,
    };
  }
  const whole = { start: 0, end: size };
  const word = viewOf(elf.reader.read(place.offset + functab + functabBytes, 4));
  const units = { start: word.getUint32(0, true), end: size };
  if (units.start >= size) {
    throw new FormatError(
      place.offset + functab + functabBytes,
      'part lies outside the table',
      units.start,
    );
  }
  return {
    ...common,
    ...{ names: whole, units, files: whole, pcTables: whole, records: whole },
    functab,
  };
}

function partOffsets(view: DataView, at: number, place: PclntabPlace, size: number): number[] {
  return [0, 1, 2, 3, 4].map(index => {
    const offset = readU64(view, at + index * 8, place.offset);
    if (offset > size) {
      throw new FormatError(place.offset + at + index * 8, 'part lies outside the table', offset);
    }
    return offset;
  });
}

function magicOf(view: DataView): number {
  return view.getUint32(0, true);
}

/**
 * The header at a place: by its magic number, else by the first layout (newest first) that
 * `fits`, for programs whose magic number was altered. Throws FormatError naming the number when
 * none does.
 */
export function headerAt(
  elf: ElfFile,
  place: PclntabPlace,
  fits: (header: PclntabHeader) => boolean,
): PclntabHeader {
  if (place.sizeBytesMax < 8) {
    throw new FormatError(place.offset, 'function table is truncated', place.sizeBytesMax);
  }
  const magic = magicOf(viewOf(elf.reader.read(place.offset, 8)));
  const known = PCLNTAB_LAYOUTS.find(layout => layout.magic === magic);
  if (known !== undefined) return readHeader(elf, place, known);
  for (const layout of PCLNTAB_LAYOUTS.toReversed()) {
    try {
      const header = readHeader(elf, place, layout);
      if (fits(header)) return header;
    } catch (error) {
      // Not this layout: the next one is tried, and the magic number named when none fits.
      if (!(error instanceof FormatError)) throw error;
    }
  }
  throw new FormatError(place.offset, 'function table of an unknown layout', magic, {
    hint: 'the program is obfuscated, or newer than this reader',
  });
}
