/**
 * From an address of one file to source frames, for Go (with inlined calls) and for C. What a
 * reader would get wrong: addresses here are those of the file (load bias 0); whoever knows the
 * process subtracts the bias first.
 */
import type { ElfFile } from '../elf/index.js';
import type { Pclntab } from '../gosym/index.js';
import { CSymbols } from './c-symbols.js';
import type { DebugSearch } from './debug-files.js';
import { demangle } from './demangle.js';
import type { SymbolSource } from './symbol-source.js';

/** One source frame of a stack. */
export interface Frame {
  /** Function name, C++ and Rust demangled; `module+0x…` where no symbol covers the address. */
  readonly function: string;
  /** The name as the symbol table has it, where {@link function} is another. */
  readonly symbol?: string;
  readonly file?: string;
  readonly line?: number;
  /** Path of the file that holds the code, as the process sees it; `[kernel]` for the kernel. */
  readonly module: string;
  readonly kind: 'go' | 'c' | 'kernel';
  /** True for a call that the compiler inlined into the next frame. */
  readonly inlined: boolean;
  /** Where the name of a C function came from, `none` without one; absent for Go and kernel. */
  readonly symbolSource?: SymbolSource;
  /** The address that was asked for, in the process. */
  readonly address: bigint;
}

/** Names the addresses of one file. Tables are built when first needed. */
export class Symbolizer {
  readonly #elf: ElfFile;
  readonly #pclntab: Pclntab | undefined;
  readonly #module: string;
  readonly #search: DebugSearch | undefined;
  #c: CSymbols | undefined;

  /**
   * `module` is the path that frames carry; `pclntab` is given for Go programs; `roots` are the
   * folders below which debug files of stripped C code are looked for, none by default.
   */
  constructor(elf: ElfFile, module: string, pclntab?: Pclntab, roots: readonly string[] = []) {
    this.#search = roots.length === 0 ? undefined : { roots, path: module };
    this.#elf = elf;
    this.#module = module;
    this.#pclntab = pclntab;
  }

  /**
   * Frames at a virtual address of the file, innermost first; always at least one. `address` is
   * what the frames carry. Throws FormatError when the file's tables are damaged.
   */
  frames(vaddr: number, address: bigint): Frame[] {
    const module = this.#module;
    const go = this.#pclntab?.framesAt(vaddr) ?? [];
    if (go.length > 0) {
      return go.map(f => ({
        function: f.function,
        ...(f.file !== undefined && { file: f.file }),
        ...(f.line !== undefined && { line: f.line }),
        module,
        kind: 'go',
        inlined: f.inlined,
        address,
      }));
    }
    this.#c ??= new CSymbols(this.#elf, this.#search);
    const hit = this.#c.at(vaddr);
    if (hit !== undefined) return [namedFrame(hit.name, hit.source, module, address)];
    const name = `${module.slice(module.lastIndexOf('/') + 1)}+0x${vaddr.toString(16)}`;
    return [namedFrame(name, 'none', module, address)];
  }

  /** Debug files, or parts of the file, that were there and were refused; none before a C frame. */
  get refused(): readonly string[] {
    return this.#c?.refused ?? [];
  }
}

/** A C frame of that symbol, demangled. */
export function namedFrame(
  symbol: string,
  symbolSource: SymbolSource,
  module: string,
  address: bigint,
): Frame {
  const name = demangle(symbol);
  const raw = name === symbol ? {} : { symbol };
  return { function: name, ...raw, module, kind: 'c', inlined: false, symbolSource, address };
}
