/**
 * The runtime's module data: where Go's code begins and where function data count from. What a
 * reader would get wrong: `runtime.text` is not the start of `.text` under an external linker, and
 * the table's own textStart word is zero in Go 1.26 and later (and in some older c-shared objects).
 *
 * It is told by its own structure alone, so that a release without tables can be symbolized.
 */
import {
  type ElfFile,
  findBytes,
  FormatError,
  PF_W,
  PT_LOAD,
  readU64,
  viewOf,
} from '../elf/index.js';
import type { PclntabHeader, PclntabPlace } from './pclntab-header.js';

/** What the module data says: addresses as in the file (load bias 0). */
export interface ModuleData {
  readonly address: number;
  /** Start of Go's own code; function offsets count from here. */
  readonly text: number;
  readonly etext: number;
  /** First address of the first function, and the end of the last. */
  readonly minpc: number;
  readonly maxpc: number;
  /** Bytes of the function table, from its start to the end of its last part. */
  readonly tableBytes: number;
}

/** Bytes of the words that {@link ModuleData} is read from. */
const MODULE_BYTES = 192;

/** The pointer in a slot as the loader would leave it: relocated, or as it stands in the file. */
type PointerReader = (address: number) => number;

/** As the file holds it, which is right in fixed programs and in what Go's own linker wrote. */
function plainPointer(elf: ElfFile): PointerReader {
  return address => readU64(viewOf(elf.readVirtual(address, 8)), 0);
}

/** Candidates with the way to read them; the likely and the cheap ones first. */
function* candidates(elf: ElfFile, table: number): Generator<[number, PointerReader]> {
  const plain = plainPointer(elf);
  const section = elf.section('.go.module');
  if (section !== undefined) yield [section.address, plain];
  const pattern = Buffer.alloc(8);
  pattern.writeBigUInt64LE(BigInt(table));
  const mapped = elf.segments.filter(s => s.type === PT_LOAD && s.fileBytes > 0);
  const writable = mapped.filter(s => (s.flags & PF_W) !== 0);
  for (const address of findBytes(elf, { pattern, segments: writable, align: 8 })) {
    yield [address, plain];
  }
  const relocated: PointerReader = address => elf.readPointer(address);
  if (section !== undefined) yield [section.address, relocated];
  for (const slot of elf.relocations().slotsOf(table)) yield [slot, relocated];
  const readOnly = mapped.filter(s => (s.flags & PF_W) === 0);
  for (const address of findBytes(elf, { pattern, segments: readOnly, align: 8 })) {
    yield [address, plain];
  }
}

/** The first and the last word of functab, as addresses; the text's start is added where needed. */
function functabEnds(
  elf: ElfFile,
  place: PclntabPlace,
  header: PclntabHeader,
  read: PointerReader,
  text: number,
): [number, number] {
  const { entryBytes } = header.layout;
  const first = place.address + header.functab;
  const last = first + header.functions * 2 * entryBytes;
  if (entryBytes === 8) return [read(first), read(last)];
  const word = (at: number): number => viewOf(elf.readVirtual(at, 4)).getUint32(0, true);
  return [text + word(first), text + word(last)];
}

/** The module data at a candidate's address; undefined when its words do not fit the table. */
function moduleAt(
  elf: ElfFile,
  place: PclntabPlace,
  header: PclntabHeader,
  address: number,
  read: PointerReader,
): ModuleData | undefined {
  const { module } = header.layout;
  if (elf.vaddrToOffset(address) === undefined) return undefined;
  if (elf.vaddrToOffset(address + MODULE_BYTES - 1) === undefined) return undefined;
  if (read(address) !== place.address) return undefined;
  if (read(address + module.ftab) !== place.address + header.functab) return undefined;
  const [text, etext] = [read(address + module.text), read(address + module.etext)];
  const [minpc, maxpc] = [read(address + module.minpc), read(address + module.maxpc)];
  const [first, last] = functabEnds(elf, place, header, read, text);
  if (minpc !== first || maxpc !== last) return undefined;
  if (text === 0 || etext <= text || minpc < text || maxpc <= minpc) return undefined;
  const plain = plainPointer(elf);
  const end = read(address + module.lastPart) + plain(address + module.lastPart + 8);
  const tableBytes = end - place.address;
  return { address, text, etext, minpc, maxpc, tableBytes };
}

/**
 * Finds the module data of a table. A candidate must point at the table and at its functab, and
 * its lowest and highest address must be those of the first and the last function.
 * Throws FormatError when none does.
 */
export function locateModuleData(
  elf: ElfFile,
  place: PclntabPlace,
  header: PclntabHeader,
): ModuleData {
  for (const [address, read] of candidates(elf, place.address)) {
    try {
      const module = moduleAt(elf, place, header, address, read);
      if (module !== undefined) return module;
    } catch (error) {
      // A candidate whose words lead out of the file is not the module data; the next one is asked.
      if (!(error instanceof FormatError)) throw error;
    }
  }
  throw new FormatError(place.offset, 'no module data points at the function table', place.address);
}
