/**
 * Names for the addresses of one file, Go and C alike, as `symbolize` prints them. What a reader
 * would get wrong: addresses are those of the file, as nm prints them, and are taken as they are;
 * who has return addresses subtracts one first.
 */
import { type ElfFile, FormatError } from '../elf/index.js';
import {
  type GoFrame,
  isGoProgram,
  openPclntab,
  type Pclntab,
  type SymbolizedBatch,
} from '../gosym/index.js';
import { CSymbols } from './c-symbols.js';
import type { DebugSearch } from './debug-files.js';
import { demangle } from './demangle.js';

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
    const frame = {
      function: demangle(hit.name),
      file: undefined,
      line: undefined,
      inlined: false,
    };
    return { entry: hit.start, frames: [frame] };
  }

  /**
   * The names of many addresses, in their order; damage to single entries is told as
   * {@link atOrUnknown} does. Each answer is made when it is asked for: one that is not kept costs
   * no memory.
   */
  *many(addresses: Float64Array): Generator<AddressNames> {
    const batch = this.#batchOf(addresses);
    let [list, entry, end] = [0, 0, 0];
    let names = UNKNOWN;
    for (const [i, address] of addresses.entries()) {
      const next = batch?.frameListOf[i] ?? 0;
      if (next === 0) {
        yield this.atOrUnknown(address);
        continue;
      }
      const moved = address < entry || address >= end;
      if (moved) ({ entry, end } = this.pclntab!.functionAt(address)!);
      if (moved || next !== list) names = { entry, frames: batch!.framesOf(next) };
      list = next;
      yield names;
    }
  }

  /** Undefined where the program holds no Go, or where damage asks for one address at a time. */
  #batchOf(addresses: Float64Array): SymbolizedBatch | undefined {
    try {
      return this.pclntab?.symbolizeMany(addresses);
    } catch (error) {
      if (!(error instanceof FormatError)) throw error;
      return undefined;
    }
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
