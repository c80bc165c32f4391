/**
 * C functions by address, from `.symtab` and `.dynsym`. What a reader would get wrong: a stripped
 * library still has its exported functions, so an address in a private one must not be given the
 * name of the exported one before it; a symbol answers only within its size.
 */
import { type ElfFile, type ElfSymbol, STT_FUNC, STT_GNU_IFUNC } from '../elf/index.js';

/** A function symbol and how far behind its start an address lies, in bytes. */
export interface CSymbolHit {
  readonly name: string;
  readonly start: number;
  readonly offset: number;
}

/** Function symbols of one file, sorted once. */
export class CSymbols {
  readonly #sorted: readonly ElfSymbol[];

  constructor(elf: ElfFile) {
    const functions = [...elf.symbols(), ...elf.dynamicSymbols()].filter(
      s => (s.type === STT_FUNC || s.type === STT_GNU_IFUNC) && s.value !== 0,
    );
    // Among aliases the global one with the shortest name is the one that people know.
    this.#sorted = functions.sort(
      (a, b) =>
        a.value - b.value ||
        Number(b.binding > 0) - Number(a.binding > 0) ||
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
      if (sorted[middle]!.value <= address) low = middle + 1;
      else high = middle;
    }
    if (low === 0) return undefined;
    const start = sorted[low - 1]!.value;
    let index = low - 1;
    while (index > 0 && sorted[index - 1]!.value === start) index--;
    const symbol = sorted[index]!;
    // Assembly functions often have no size: they reach to the next symbol.
    const end = symbol.sizeBytes > 0 ? start + symbol.sizeBytes : (sorted[low]?.value ?? Infinity);
    if (address >= end) return undefined;
    return { name: symbol.name, start, offset: address - start };
  }
}
