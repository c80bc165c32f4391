/**
 * Go's own function table (.gopclntab, Go 1.20 and later): functions by address and by name, file
 * and line, inlined frames. It survives every stripping. What a reader would get wrong: the ABI0
 * and ABIInternal twins of a function share one name here; the wrapper is the one to avoid.
 *
 * Per function, `_func` (runtime/runtime2.go):
 *   0 entryOff  4 nameOff  8 args  12 deferreturn  16 pcsp  20 pcfile  24 pcln  28 npcdata
 *   32 cuOffset  36 startLine  40 funcID  41 flag  42 pad  43 nfuncdata  44 pcdata[], funcdata[]
 */
import { cString } from '../elf/elf-file.js';
import { type ElfFile, FormatError, viewOf } from '../elf/index.js';
import { inlineFrames } from './inline-tree.js';
import { pcValue } from './pc-value.js';
import type { ModuleData, PclntabHeader, PclntabPlace } from './pclntab-locate.js';

/** One function of the table. */
export interface GoFunction {
  readonly name: string;
  /** Virtual address of the first instruction, as in the file. */
  readonly entry: number;
  /** Address behind the function: the next function's entry, padding included. */
  readonly end: number;
  /** True for the compiler's ABI wrapper that shares its name with the real function. */
  readonly wrapper: boolean;
  /** Position in the table. */
  readonly index: number;
}

/** One source frame of an address; inlined frames come before the function that holds them. */
export interface GoFrame {
  readonly function: string;
  readonly file: string | undefined;
  readonly line: number | undefined;
  readonly inlined: boolean;
}

/** Offsets of `_func` fields, by the layout at the head of this file. */
const FUNC = { name: 4, pcfile: 20, pcln: 24, npcdata: 28, cu: 32, id: 40, nfuncdata: 43, end: 44 };
const PCDATA_INL_TREE_INDEX = 2;
const FUNCDATA_INL_TREE = 3;
const NO_FUNCDATA = 0xffffffff;

/** What a table is made of; see {@link openPclntab} for how it is found. */
export interface PclntabParts {
  readonly elf: ElfFile;
  readonly bytes: Uint8Array;
  readonly header: PclntabHeader;
  readonly place: PclntabPlace;
  readonly module: ModuleData;
  /** The release's abi.FuncID of wrappers. */
  readonly wrapperId: number;
}

/** An opened function table. Lookups by address are a binary search over the raw bytes. */
export class Pclntab {
  readonly module: ModuleData;
  readonly place: PclntabPlace;
  /** Number of functions. */
  readonly count: number;
  readonly #elf: ElfFile;
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #header: PclntabHeader;
  readonly #wrapperId: number;
  readonly #pcTables: Uint8Array;
  readonly #files: Uint8Array;
  readonly #names: Uint8Array;
  readonly #nameCache = new Map<number, string>();
  readonly #fileCache = new Map<number, string>();
  #byName: Map<string, number[]> | undefined;

  constructor(parts: PclntabParts) {
    this.module = parts.module;
    this.place = parts.place;
    this.count = parts.header.functions;
    this.#elf = parts.elf;
    this.#bytes = parts.bytes;
    this.#view = viewOf(parts.bytes);
    this.#header = parts.header;
    this.#wrapperId = parts.wrapperId;
    this.#pcTables = parts.bytes.subarray(parts.header.pcTables);
    this.#files = parts.bytes.subarray(parts.header.files);
    this.#names = parts.bytes.subarray(parts.header.names);
  }

  /** The function that holds this address, or undefined outside Go's code. */
  functionAt(address: number): GoFunction | undefined {
    const index = this.#indexAt(address);
    return index === undefined ? undefined : this.functionByIndex(index);
  }

  /** All functions of that exact name, real ones before wrappers. Builds a name index once. */
  functionsNamed(name: string): GoFunction[] {
    if (this.#byName === undefined) {
      this.#byName = new Map();
      for (let i = 0; i < this.count; i++) {
        const key = this.#nameAt(this.#funcU32(this.#funcAt(i), FUNC.name));
        const list = this.#byName.get(key);
        if (list === undefined) this.#byName.set(key, [i]);
        else list.push(i);
      }
    }
    const found = (this.#byName.get(name) ?? []).map(i => this.functionByIndex(i));
    return found.sort((a, b) => Number(a.wrapper) - Number(b.wrapper));
  }

  /** The function of that name, the real one before its wrapper; undefined where there is none. */
  functionNamed(name: string): GoFunction | undefined {
    return this.functionsNamed(name)[0];
  }

  /** True when the table's strings hold that function name; costs a search, builds no index. */
  hasName(name: string): boolean {
    return Buffer.from(this.#names.buffer, this.#names.byteOffset, this.#names.byteLength).includes(
      `\0${name}\0`,
    );
  }

  /** The function at a position of the table, 0 … count-1. Throws FormatError when damaged. */
  functionByIndex(index: number): GoFunction {
    const func = this.#funcAt(index);
    return {
      name: this.#nameAt(this.#funcU32(func, FUNC.name)),
      entry: this.#entryAt(index),
      end: this.#entryAt(index + 1),
      wrapper: this.#bytes[func + FUNC.id] === this.#wrapperId,
      index,
    };
  }

  /**
   * Source frames of an address, innermost first: inlined calls, then the function itself.
   * Empty outside Go's code. A cycle in the inline tree ends the walk at its first repetition.
   */
  framesAt(address: number): GoFrame[] {
    const index = this.#indexAt(address);
    if (index === undefined) return [];
    const func = this.#funcAt(index);
    const entry = this.#entryAt(index);
    const name = this.#nameAt(this.#funcU32(func, FUNC.name));
    const frame = (pc: number, callee: string, inlined: boolean): GoFrame => ({
      function: callee,
      file: this.#fileAt(func, pc - entry),
      line: this.#lineAt(func, pc - entry),
      inlined,
    });
    const tree = this.#inlineTree(func);
    if (tree === undefined) return [frame(address, name, false)];
    const walk = inlineFrames(this.#elf, tree, entry, address, pc =>
      this.#pcdata(func, PCDATA_INL_TREE_INDEX, pc - entry),
    );
    const frames = walk.inlined.map(({ nameOffset, pc }) =>
      frame(pc, this.#nameAt(nameOffset), true),
    );
    frames.push(frame(walk.outerPc, name, false));
    return frames;
  }

  #indexAt(address: number): number | undefined {
    const target = address - this.module.text;
    const { functab } = this.#header;
    const offsetAt = (i: number): number => this.#view.getUint32(functab + i * 8, true);
    if (target < offsetAt(0) || target >= offsetAt(this.count)) return undefined;
    let low = 0;
    let high = this.count;
    while (high - low > 1) {
      const middle = (low + high) >>> 1;
      if (offsetAt(middle) <= target) low = middle;
      else high = middle;
    }
    return low;
  }

  #entryAt(index: number): number {
    return this.module.text + this.#view.getUint32(this.#header.functab + index * 8, true);
  }

  /** Offset of a function's `_func` in the table. */
  #funcAt(index: number): number {
    const { functab } = this.#header;
    const at = functab + this.#view.getUint32(functab + index * 8 + 4, true);
    if (at + FUNC.end > this.#bytes.byteLength) {
      throw new FormatError(this.place.offset + functab + index * 8 + 4, 'bad function offset', at);
    }
    return at;
  }

  #funcU32(func: number, field: number): number {
    return this.#view.getUint32(func + field, true);
  }

  #nameAt(offset: number): string {
    let name = this.#nameCache.get(offset);
    if (name === undefined) {
      name = cString(this.#names, offset);
      this.#nameCache.set(offset, name);
    }
    return name;
  }

  /** A pc-value table's value; `table` 0 means the function has no such table. */
  #pcValue(table: number, pcOffset: number): number {
    if (table === 0) return -1;
    return pcValue(this.#pcTables, table, this.#header.quantum, pcOffset);
  }

  #pcdata(func: number, table: number, pcOffset: number): number {
    if (table >= this.#funcU32(func, FUNC.npcdata)) return -1;
    const at = func + FUNC.end + table * 4;
    if (at + 4 > this.#bytes.byteLength) return -1;
    return this.#pcValue(this.#view.getUint32(at, true), pcOffset);
  }

  #lineAt(func: number, pcOffset: number): number | undefined {
    const line = this.#pcValue(this.#funcU32(func, FUNC.pcln), pcOffset);
    return line < 0 ? undefined : line;
  }

  #fileAt(func: number, pcOffset: number): string | undefined {
    const number = this.#pcValue(this.#funcU32(func, FUNC.pcfile), pcOffset);
    if (number < 0) return undefined;
    const at = this.#header.cuTable + (this.#funcU32(func, FUNC.cu) + number) * 4;
    if (at + 4 > this.#bytes.byteLength) return undefined;
    const offset = this.#view.getUint32(at, true);
    if (offset === 0xffffffff) return undefined;
    let file = this.#fileCache.get(offset);
    if (file === undefined) {
      file = cString(this.#files, offset);
      this.#fileCache.set(offset, file);
    }
    return file;
  }

  /** Virtual address of the function's inline tree; undefined where nothing was inlined. */
  #inlineTree(func: number): number | undefined {
    if (this.#bytes[func + FUNC.nfuncdata]! <= FUNCDATA_INL_TREE || this.module.gofunc === 0) {
      return undefined;
    }
    const at = func + FUNC.end + (this.#funcU32(func, FUNC.npcdata) + FUNCDATA_INL_TREE) * 4;
    if (at + 4 > this.#bytes.byteLength) return undefined;
    const offset = this.#view.getUint32(at, true);
    return offset === NO_FUNCDATA ? undefined : this.module.gofunc + offset;
  }
}
