/**
 * C functions by address: from `.symtab`, a separate debug file, the mini debug info inside the
 * file, `.dynsym` and the call stubs. What a reader would get wrong: a stripped library still has
 * its exported functions, so an address in a private one must not be given the name of the
 * exported one before it; a symbol answers only within its size.
 */
import {
  type ElfFile,
  type ElfSymbol,
  FormatError,
  SHT_SYMTAB,
  STT_FUNC,
  STT_GNU_IFUNC,
} from '../elf/index.js';
import { type DebugSearch, findDebugFile } from './debug-files.js';
import { readMiniDebugInfo } from './mini-debug-info.js';
import { pltStubs } from './plt-names.js';
import type { SymbolSource } from './symbol-source.js';

/** A function symbol and how far behind its start an address lies, in bytes. */
export interface CSymbolHit {
  /** Without the version: `memcpy` for `memcpy@@GLIBC_2.14`. */
  readonly name: string;
  readonly start: number;
  readonly offset: number;
  readonly source: SymbolSource;
}

interface Named {
  readonly name: string;
  readonly start: number;
  readonly sizeBytes: number;
  readonly local: boolean;
  readonly source: SymbolSource;
}

function functionsOf(symbols: readonly ElfSymbol[], source: SymbolSource): Named[] {
  return symbols
    .filter(s => (s.type === STT_FUNC || s.type === STT_GNU_IFUNC) && s.value !== 0)
    .map(s => ({
      name: withoutVersion(s.name),
      start: s.value,
      sizeBytes: s.sizeBytes,
      local: s.binding === 0,
      source,
    }));
}

/** Static linkers write the version of an exported function into `.symtab`, after `@` or `@@`. */
function withoutVersion(name: string): string {
  const at = name.indexOf('@');
  return at > 0 ? name.slice(0, at) : name;
}

/** Function symbols of one file, sorted once. */
export class CSymbols {
  /** Debug files, or parts of the file, that were there and were refused, with reasons. */
  readonly refused: readonly string[];
  /** Which sources gave names, best first. */
  readonly sources: readonly SymbolSource[];
  readonly #sorted: readonly Named[];

  /**
   * Reads the tables of a file and, given a search, of its debug file when its own symbol table
   * was stripped. Throws FormatError when the file's own tables are damaged.
   */
  constructor(elf: ElfFile, search?: DebugSearch) {
    const refused: string[] = [];
    const full = elf.sections.some(section => section.type === SHT_SYMTAB);
    const all = [
      ...functionsOf(elf.symbols(), 'symtab'),
      ...(full ? [] : separateSymbols(elf, search, refused)),
      ...functionsOf(elf.dynamicSymbols(), 'dynsym'),
      ...stubsOf(elf),
    ];
    this.refused = refused;
    this.sources = [...new Set(all.map(each => each.source))];
    // Among aliases the global one with the shortest name is the one that people know.
    this.#sorted = all.sort(
      (a, b) =>
        a.start - b.start ||
        Number(a.local) - Number(b.local) ||
        a.name.length - b.name.length ||
        (a.name < b.name ? -1 : 1),
    );
  }

  /** The function that holds a virtual address; undefined between symbols. */
  at(address: number): CSymbolHit | undefined {
    const sorted = this.#sorted;
    let low = 0;
    let high = sorted.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (sorted[middle]!.start <= address) low = middle + 1;
      else high = middle;
    }
    if (low === 0) return undefined;
    const { start } = sorted[low - 1]!;
    let index = low - 1;
    while (index > 0 && sorted[index - 1]!.start === start) index--;
    const symbol = sorted[index]!;
    // Assembly functions often have no size: they reach to the next symbol. Where private ones
    // were stripped, the next symbol says nothing, and only the first byte is surely theirs.
    const next = symbol.source === 'dynsym' ? start + 1 : (sorted[low]?.start ?? Infinity);
    const end = symbol.sizeBytes > 0 ? start + symbol.sizeBytes : next;
    if (address >= end) return undefined;
    return { name: symbol.name, start, offset: address - start, source: symbol.source };
  }
}

/** Symbols of a separate debug file, else of the mini debug info; damage is told, not thrown. */
function separateSymbols(
  elf: ElfFile,
  search: DebugSearch | undefined,
  refused: string[],
): Named[] {
  const debug = search === undefined ? undefined : findDebugFile(elf, search);
  refused.push(...(debug?.refused ?? []));
  try {
    if (debug?.elf !== undefined) {
      const found = functionsOf(debug.elf.symbols(), debug.source);
      if (found.length > 0) return found;
      refused.push(`${debug.path}: it has no symbol table`);
    }
    const mini = readMiniDebugInfo(elf);
    return mini === undefined ? [] : functionsOf(mini.symbols(), 'mini debug info');
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    refused.push(`debug symbols: ${error.message}`);
    return [];
  } finally {
    debug?.close();
  }
}

function stubsOf(elf: ElfFile): Named[] {
  return pltStubs(elf).map(stub => ({
    name: stub.name,
    start: stub.address,
    sizeBytes: stub.sizeBytes,
    local: true,
    source: 'plt',
  }));
}
