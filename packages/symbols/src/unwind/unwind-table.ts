/**
 * From an address of one file to the row that holds there. What a reader would get wrong: nothing
 * is parsed when a table is opened; one lookup is a binary search in `.eh_frame_hdr` and one run of
 * one function's instructions. Only a file without that header (static glibc) has its `.eh_frame`
 * read once from end to end, at the first lookup.
 */
import { type ElfFile, FormatError, viewOf } from '../elf/index.js';
import { CfiReader } from './cfi-reader.js';
import { entryBytes, FrameEntries, type FrameEntry } from './frame-entry.js';
import { rowAt, type Work } from './row-program.js';
import type { UnwindRow } from './unwind-row.js';

/** Program header type of `.eh_frame_hdr` (Linux Standard Base, Core, 10.1.3). */
const PT_GNU_EH_FRAME = 0x6474e550;
/** `DW_EH_PE_datarel | DW_EH_PE_sdata4`: the only form of the search table that linkers write. */
const SEARCH_TABLE_ENCODING = 0x3b;
const SEARCH_ROW_BYTES = 8;

/** Sorted starts of functions and where each one's entry is. */
interface FunctionStarts {
  readonly count: number;
  startAt(index: number): number;
  entryAt(index: number): number;
}

const NO_FUNCTIONS: FunctionStarts = { count: 0, startAt: () => 0, entryAt: () => 0 };

/** The search table of the header; undefined where the header has none. */
function searchTable(elf: ElfFile): FunctionStarts | undefined {
  const segment = elf.segments.find(s => s.type === PT_GNU_EH_FRAME);
  if (segment === undefined) return undefined;
  const { address } = segment;
  const header = new CfiReader(elf.readVirtual(address, segment.fileBytes), address);
  const version = header.u8();
  if (version !== 1) throw new FormatError(address, 'unknown version of .eh_frame_hdr', version);
  const encodings = { frame: header.u8(), count: header.u8(), table: header.u8() };
  header.pointer(encodings.frame, address);
  const count = header.pointer(encodings.count, address);
  if (count === undefined || encodings.table !== SEARCH_TABLE_ENCODING) return undefined;
  const rows = header.bytes.subarray(header.at);
  if (count < 0 || count > Math.floor(rows.byteLength / SEARCH_ROW_BYTES)) {
    throw new FormatError(address, '.eh_frame_hdr has no room for its count', count);
  }
  const view = viewOf(rows);
  return {
    count,
    startAt: index => address + view.getInt32(index * SEARCH_ROW_BYTES, true),
    entryAt: index => address + view.getInt32(index * SEARCH_ROW_BYTES + 4, true),
  };
}

/** Reads every entry of the `.eh_frame` section once. */
function walkSection(elf: ElfFile, entries: FrameEntries): FunctionStarts {
  const section = elf.section('.eh_frame');
  if (section === undefined) return NO_FUNCTIONS;
  const found: { start: number; entry: number }[] = [];
  const end = section.address + section.sizeBytes;
  for (let at = section.address; at + 4 <= end;) {
    const bytes = entryBytes(elf, at);
    // Objects that were linked together may each have left a terminator behind.
    const entry = bytes === undefined ? undefined : entries.readAny(at);
    if (entry !== undefined) found.push({ start: entry.start, entry: at });
    at += 4 + (bytes?.bytes.byteLength ?? 0);
  }
  found.sort((a, b) => a.start - b.start);
  return {
    count: found.length,
    startAt: index => found[index]!.start,
    entryAt: index => found[index]!.entry,
  };
}

/** The call frame information of one file. */
export class UnwindTable {
  readonly #elf: ElfFile;
  readonly #entries: FrameEntries;
  /** What lookups have cost so far, in instructions and rules copied: bounded for each of them. */
  readonly work: Work = { units: 0 };
  #functions: FunctionStarts | undefined;
  #refusal: FormatError | undefined;

  constructor(elf: ElfFile) {
    this.#elf = elf;
    this.#entries = new FrameEntries(elf);
  }

  /** True when the file describes no function at all. */
  get empty(): boolean {
    return this.#starts().count === 0;
  }

  /**
   * The row that holds at a virtual address of the file; undefined where no function is described.
   * For a return address ask for the address before it. Throws FormatError for damaged tables.
   */
  rowAt(address: number): UnwindRow | undefined {
    const entry = this.entryAt(address);
    return entry === undefined ? undefined : rowAt(entry, address, this.work);
  }

  /** The entry of the function at a virtual address, or undefined. */
  entryAt(address: number): FrameEntry | undefined {
    const starts = this.#starts();
    let low = 0;
    let high = starts.count;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (starts.startAt(middle) <= address) low = middle + 1;
      else high = middle;
    }
    if (low === 0) return undefined;
    const entry = this.#entries.read(starts.entryAt(low - 1));
    return address >= entry.start && address < entry.end ? entry : undefined;
  }

  #starts(): FunctionStarts {
    if (this.#functions !== undefined) return this.#functions;
    // A damaged file is read once, and not again for each address that is asked for.
    if (this.#refusal !== undefined) throw this.#refusal;
    try {
      this.#functions = searchTable(this.#elf) ?? walkSection(this.#elf, this.#entries);
      return this.#functions;
    } catch (error) {
      if (error instanceof FormatError) this.#refusal = error;
      throw error;
    }
  }
}
