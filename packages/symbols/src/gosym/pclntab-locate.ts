/**
 * Where the Go function table and its module data lie in a program. What a reader would get
 * wrong: `runtime.text` is not the start of `.text` under an external linker, and the table's own
 * textStart word is zero in Go 1.26 and later (and in some older c-shared objects), so the
 * module data is asked first.
 */
import { type ElfFile, FormatError, PT_LOAD, readU64, viewOf } from '../elf/index.js';

/** Magic numbers of the table by the release that introduced each layout (internal/abi). */
export const PCLNTAB_MAGICS = {
  go12: 0xfffffffb,
  go116: 0xfffffffa,
  go118: 0xfffffff0,
  go120: 0xfffffff1,
} as const;

const MAGIC_BYTES = Buffer.from([0xf1, 0xff, 0xff, 0xff, 0, 0]);
const HEADER_BYTES = 72;
const FUNCTIONS_MAX = 1 << 24;
const SECTION_NAMES = ['.gopclntab', '.data.rel.ro.gopclntab'];

/** Position of the table: file offset, virtual address, and how many bytes may belong to it. */
export interface PclntabPlace {
  readonly offset: number;
  readonly address: number;
  /** Upper bound: the section's size, or what is left of the segment. */
  readonly sizeBytesMax: number;
  readonly foundBy: 'section' | 'scan';
}

/** True when the 8 bytes at a buffer's position look like a header of Go 1.20 and later. */
function plausibleHeader(view: DataView, at: number, arch: ElfFile['arch']): boolean {
  if (at + HEADER_BYTES > view.byteLength) return false;
  const quantum = view.getUint8(at + 6);
  if (quantum !== (arch === 'arm64' ? 4 : 1) || view.getUint8(at + 7) !== 8) return false;
  if (view.getUint32(at + 12, true) !== 0) return false;
  const count = view.getUint32(at + 8, true);
  return count > 0 && count < FUNCTIONS_MAX;
}

/**
 * Finds the table by section, else by scanning the segments of the file.
 * Undefined when there is none of a known layout: the program is not Go, or older than 1.20.
 */
export function locatePclntab(elf: ElfFile): PclntabPlace | undefined {
  for (const name of SECTION_NAMES) {
    const section = elf.section(name);
    if (section === undefined || section.sizeBytes < HEADER_BYTES) continue;
    const { offset, address, sizeBytes } = section;
    return { offset, address, sizeBytesMax: sizeBytes, foundBy: 'section' };
  }
  for (const segment of elf.segments) {
    if (segment.type !== PT_LOAD || segment.fileBytes === 0) continue;
    const bytes = Buffer.from(elf.reader.read(segment.offset, segment.fileBytes));
    const view = viewOf(bytes);
    for (let at = bytes.indexOf(MAGIC_BYTES); at >= 0; at = bytes.indexOf(MAGIC_BYTES, at + 1)) {
      if ((segment.address + at) % 8 !== 0 || !plausibleHeader(view, at, elf.arch)) continue;
      const sizeBytesMax = segment.fileBytes - at;
      const place = { offset: segment.offset + at, address: segment.address + at };
      return { ...place, sizeBytesMax, foundBy: 'scan' };
    }
  }
  return undefined;
}

/** What the module data says: addresses as in the file (load bias 0). */
export interface ModuleData {
  readonly address: number;
  /** Start of Go's own code; function offsets count from here. */
  readonly text: number;
  readonly etext: number;
  /** Base of function data such as inline trees; 0 when the release's place is unknown. */
  readonly gofunc: number;
}

/** Offsets in moduledata that have not moved since 1.18, and gofunc's, which has. */
export interface ModuleDataOffsets {
  readonly ftab: number;
  readonly minpc: number;
  readonly maxpc: number;
  readonly text: number;
  readonly etext: number;
  readonly gofunc: number;
}

/** Candidate addresses of module data: the section, then every word that points at the table. */
function* candidates(elf: ElfFile, pclntab: number): Generator<number> {
  const section = elf.section('.go.module');
  if (section !== undefined) yield section.address;
  const symbol = elf.symbols().find(s => s.name === 'runtime.firstmoduledata');
  if (symbol !== undefined) yield symbol.value;
  yield* elf.relocations().slotsOf(pclntab);
  const word = Buffer.alloc(8);
  word.writeBigUInt64LE(BigInt(pclntab));
  for (const segment of elf.segments) {
    if (segment.type !== PT_LOAD || segment.fileBytes === 0) continue;
    const bytes = Buffer.from(elf.reader.read(segment.offset, segment.fileBytes));
    for (let at = bytes.indexOf(word); at >= 0; at = bytes.indexOf(word, at + 1)) {
      if ((segment.address + at) % 8 === 0) yield segment.address + at;
    }
  }
}

/**
 * Finds the module data of the table at this address. A candidate must point at the table, at
 * its functab, and hold an ordered text range. Throws FormatError when none does.
 */
export function locateModuleData(
  elf: ElfFile,
  pclntab: number,
  functab: number,
  offsets: ModuleDataOffsets,
): ModuleData {
  for (const address of candidates(elf, pclntab)) {
    if (elf.vaddrToOffset(address) === undefined) continue;
    try {
      const read = (field: number): number => elf.readPointer(address + field);
      if (read(0) !== pclntab || read(offsets.ftab) !== functab) continue;
      const text = read(offsets.text);
      const etext = read(offsets.etext);
      const minpc = read(offsets.minpc);
      if (text === 0 || etext <= text || minpc < text || read(offsets.maxpc) < minpc) continue;
      return { address, text, etext, gofunc: read(offsets.gofunc) };
    } catch (error) {
      // A candidate at the edge of a segment is not the module data; the next one is asked.
      if (!(error instanceof FormatError)) throw error;
    }
  }
  throw new FormatError(
    elf.vaddrToOffset(pclntab) ?? 0,
    'no module data points at the function table',
    pclntab,
  );
}

/** The table's magic number, for the error that names an unsupported layout. */
export function pclntabMagic(elf: ElfFile, place: PclntabPlace): number {
  return viewOf(elf.reader.read(place.offset, 4)).getUint32(0, true);
}

/** The header's number of functions and its offsets, relative to the table's start. */
export interface PclntabHeader {
  readonly quantum: number;
  readonly functions: number;
  readonly textStart: number;
  readonly names: number;
  readonly cuTable: number;
  readonly files: number;
  readonly pcTables: number;
  readonly functab: number;
}

/** Reads the header of the 1.20 layout. Throws FormatError for impossible counts or offsets. */
export function readPclntabHeader(table: Uint8Array, fileOffset: number): PclntabHeader {
  const view = viewOf(table);
  if (table.byteLength < HEADER_BYTES) {
    throw new FormatError(fileOffset, 'function table is truncated', table.byteLength);
  }
  const word = (at: number): number => readU64(view, at, fileOffset);
  const [functions, textStart] = [word(8), word(24)];
  const [names, cuTable, files, pcTables, functab] = [32, 40, 48, 56, 64].map(word) as [
    number,
    number,
    number,
    number,
    number,
  ];
  for (const [at, value] of [names, cuTable, files, pcTables, functab].entries()) {
    if (value > table.byteLength) {
      throw new FormatError(fileOffset + 32 + at * 8, 'part lies outside the table', value);
    }
  }
  if (functions === 0 || functab + functions * 8 + 4 > table.byteLength) {
    throw new FormatError(fileOffset + 8, 'more functions than the table can hold', functions);
  }
  const quantum = view.getUint8(6);
  if (quantum !== 1 && quantum !== 4) {
    throw new FormatError(fileOffset + 6, 'bad instruction quantum', quantum);
  }
  return { quantum, functions, textStart, names, cuTable, files, pcTables, functab };
}
