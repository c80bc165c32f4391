/**
 * Entries of `.eh_frame`: a CIE says how a group of functions is described, an FDE describes one
 * (Linux Standard Base, Core, 10.6.1). What a reader would get wrong: an FDE names its CIE by the
 * distance back from the naming field itself, and lengths and ranges are in the CIE's encoding.
 *
 *   length u32 │ CIE: 0 u32 │ version │ augmentation\0 │ code factor │ data factor │ register │ …
 *   length u32 │ FDE: distance to its CIE u32 │ start │ range │ [augmentation] │ instructions
 */
import { type ElfFile, FormatError } from '../elf/index.js';
import { CfiReader, DW_EH_PE_INDIRECT, DW_EH_PE_OMIT } from './cfi-reader.js';

/** What all functions of one CIE share. */
export interface CommonEntry {
  readonly codeFactor: number;
  readonly dataFactor: number;
  /** DWARF number of the register that stands for the return address. */
  readonly returnRegister: number;
  readonly pointerEncoding: number;
  /** True for the trampoline to which a signal handler returns. */
  readonly signal: boolean;
  /** True when FDEs carry augmentation data, whose length comes first. */
  readonly augmented: boolean;
  /** Instructions that every function starts with, and their virtual address. */
  readonly instructions: CfiReader['bytes'];
  readonly instructionsAddress: number;
}

/** How one function is described. */
export interface FrameEntry {
  readonly common: CommonEntry;
  /** First address and the address behind the last one. */
  readonly start: number;
  readonly end: number;
  readonly instructions: CfiReader['bytes'];
  readonly instructionsAddress: number;
}

/** Length that announces the 64-bit form, which no Linux compiler writes into `.eh_frame`. */
const EXTENDED_LENGTH = 0xffffffff;
/** One function's entry is never that long: sqlite's largest has 30 KB. */
const ENTRY_BYTES_MAX = 1 << 20;
/** Nor is what many functions share: some twenty bytes in every file looked at. */
const COMMON_BYTES_MAX = 1 << 12;
/** CIEs that are kept; linkers merge equal ones, so that real files have a few. */
const COMMON_KEPT_MAX = 1024;

/** The bytes of the entry at an address, without its length; undefined for the terminator. */
export function entryBytes(
  elf: ElfFile,
  address: number,
  bytesMax = ENTRY_BYTES_MAX,
): CfiReader | undefined {
  const length = new CfiReader(elf.readVirtual(address, 4), address).u32();
  if (length === 0) return undefined;
  if (length === EXTENDED_LENGTH || length > bytesMax || length < 4) {
    throw new FormatError(address, 'implausible length of a frame entry', length);
  }
  return new CfiReader(elf.readVirtual(address + 4, length), address + 4);
}

/** Reads CIEs and FDEs of one file; keeps the CIEs that it has seen, a bounded number of them. */
export class FrameEntries {
  readonly #elf: ElfFile;
  readonly #common = new Map<number, CommonEntry>();

  constructor(elf: ElfFile) {
    this.#elf = elf;
  }

  /** The FDE at an address. Throws FormatError where there is none or it is damaged. */
  read(address: number): FrameEntry {
    const entry = this.readAny(address);
    if (entry === undefined) throw new FormatError(address, 'no frame description entry here');
    return entry;
  }

  /** The FDE at an address; undefined for a CIE or the terminator. */
  readAny(address: number): FrameEntry | undefined {
    const reader = entryBytes(this.#elf, address);
    if (reader === undefined) return undefined;
    const distance = reader.u32();
    if (distance === 0) return undefined;
    const common = this.#commonAt(address + 4 - distance, address);
    const start = reader.pointer(common.pointerEncoding);
    if (start === undefined) throw new FormatError(address, 'frame entry without an address');
    const end = start + reader.length(common.pointerEncoding);
    if (common.augmented) reader.take(reader.uleb());
    const instructionsAddress = reader.address + reader.at;
    return { common, start, end, instructions: rest(reader), instructionsAddress };
  }

  #commonAt(address: number, from: number): CommonEntry {
    const known = this.#common.get(address);
    if (known !== undefined) return known;
    const reader = entryBytes(this.#elf, address, COMMON_BYTES_MAX);
    if (reader === undefined || reader.u32() !== 0) {
      throw new FormatError(from, 'frame entry names a place without a CIE', address);
    }
    const common = parseCommon(reader);
    if (this.#common.size >= COMMON_KEPT_MAX) this.#common.clear();
    this.#common.set(address, common);
    return common;
  }
}

const rest = (reader: CfiReader): Uint8Array => reader.bytes.subarray(reader.at);

/** What the augmentation string of a CIE adds. */
interface Augmentation {
  pointerEncoding: number;
  signal: boolean;
}

/** The encoding of functions' addresses, which have to be readable without a loader. */
function pointerEncoding(data: CfiReader): number {
  const { place } = data;
  const encoding = data.u8();
  if (encoding === DW_EH_PE_OMIT || (encoding & DW_EH_PE_INDIRECT) !== 0) {
    throw new FormatError(place, "unsupported encoding of functions' addresses", encoding);
  }
  return encoding;
}

function parseAugmentation(reader: CfiReader, letters: string): Augmentation {
  const found: Augmentation = { pointerEncoding: 0, signal: false };
  const length = reader.uleb();
  const data = new CfiReader(reader.take(length), reader.address + reader.at - length);
  for (const letter of letters) {
    if (letter === 'R') found.pointerEncoding = pointerEncoding(data);
    else if (letter === 'P') data.skipPointer(data.u8());
    else if (letter === 'L') data.u8();
    else if (letter === 'S') found.signal = true;
    // arm64's B (signed with key B) and G (a tagged frame) have no data. What an unknown letter
    // has cannot be told from that of the letters behind it, and R may be among them.
    else if (letter !== 'B' && letter !== 'G') {
      throw new FormatError(reader.address, 'unsupported augmentation of a CIE', `z${letters}`);
    }
  }
  return found;
}

/** A CIE, from behind its id on. */
function parseCommon(reader: CfiReader): CommonEntry {
  const version = reader.u8();
  if (version !== 1 && version !== 3) {
    throw new FormatError(reader.address, 'unsupported version of a CIE', version);
  }
  const letters = reader.text();
  const augmented = letters.startsWith('z');
  if (letters !== '' && !augmented) {
    throw new FormatError(reader.address, 'unsupported augmentation of a CIE', letters);
  }
  const codeFactor = reader.uleb();
  const dataFactor = reader.sleb();
  const returnRegister = version === 1 ? reader.u8() : reader.uleb();
  const found: Augmentation = augmented
    ? parseAugmentation(reader, letters.slice(1))
    : { pointerEncoding: 0, signal: false };
  const instructionsAddress = reader.address + reader.at;
  const instructions = rest(reader);
  return {
    ...found,
    ...{ codeFactor, dataFactor, returnRegister, augmented, instructions, instructionsAddress },
  };
}
