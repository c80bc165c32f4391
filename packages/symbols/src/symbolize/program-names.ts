/**
 * Names for the addresses of one file, Go and C alike, as `symbolize` prints them. What a reader
 * would get wrong: addresses are those of the file, as nm prints them, and are taken as they are;
 * who has return addresses subtracts one first.
 */
import { type ElfFile, FormatError } from '../elf/index.js';
import { type GoFrame, isGoProgram, openPclntab, type Pclntab } from '../gosym/index.js';
import { CSymbols } from './c-symbols.js';
import type { DebugSearch } from './debug-files.js';

/** What is known of one address. */
export interface AddressNames {
  /** Where its function begins; undefined where nothing covers the address. */
  readonly entry: number | undefined;
  /** Innermost first; empty where nothing covers the address. */
  readonly frames: readonly GoFrame[];
}

const UNKNOWN: AddressNames = { entry: undefined, frames: [] };

/** Names the addresses of one opened file. Symbol tables are read when first needed. */
export class ProgramNames {
  readonly #elf: ElfFile;
  /** Go's own function table; undefined in programs that hold no Go. */
  readonly pclntab: Pclntab | undefined;
  readonly #search: DebugSearch | undefined;
  #c: CSymbols | undefined;

  /**
   * `search`: where debug files of stripped C code are looked for. Throws FormatError where the
   * file is a Go program and its function table is damaged.
   */
  constructor(elf: ElfFile, search?: DebugSearch) {
    this.#elf = elf;
    this.#search = search;
    this.pclntab = isGoProgram(elf) ? openPclntab(elf) : undefined;
  }

  /** The C half, read when first asked for. Throws FormatError when the tables are damaged. */
  get c(): CSymbols {
    return (this.#c ??= new CSymbols(this.#elf, this.#search));
  }

  /** The names of one address. Throws FormatError when the tables are damaged there. */
  at(address: number): AddressNames {
    const entry = this.pclntab?.functionAt(address)?.entry;
    if (entry !== undefined) {
      const frames = this.pclntab!.framesAt(address);
      if (frames.length > 0) return { entry, frames };
    }
    const hit = this.c.at(address);
    if (hit === undefined) return UNKNOWN;
    const frame = { function: hit.name, file: undefined, line: undefined, inlined: false };
    return { entry: hit.start, frames: [frame] };
  }

  /** The same, with damage to single entries told as an address that nothing covers. */
  atOrUnknown(address: number): AddressNames {
    try {
      return this.at(address);
    } catch (error) {
      if (!(error instanceof FormatError)) throw error;
      return UNKNOWN;
    }
  }
}
