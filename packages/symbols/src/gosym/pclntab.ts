/**
 * Go's own function table (.gopclntab) of every layout since Go 1.2: functions by address and by
 * name, file and line, inlined frames. It survives every stripping. What a reader would get
 * wrong: the ABI0 and ABIInternal twins of a function share one name here; the wrapper is the one
 * to avoid.
 */
import { type ElfFile, FormatError } from '../elf/index.js';
import type { GoFrame, SymbolizedBatch } from './frame-columns.js';
import { FrameLists } from './frame-lists.js';
import { FunctionDecoder } from './function-decoder.js';
import { FunctionTable } from './function-table.js';
import { findGofunc } from './gofunc.js';
import { locateModuleData, type ModuleData } from './module-data.js';
import { headerAt, type PclntabHeader, type PclntabPlace } from './pclntab-header.js';
import type { PclntabLayout } from './pclntab-layout.js';
import { pclntabPlaces } from './pclntab-locate.js';
import { recordsFit } from './pclntab-structure.js';
import { StackDeltas } from './stack-deltas.js';

/** One function of the table. */
export interface GoFunction {
  readonly name: string;
  /** Virtual address of the first instruction, as in the file. */
  readonly entry: number;
  /** Address behind the function: the next function's entry, padding included. */
  readonly end: number;
  /** The runtime's number of special functions (abi.FuncID); its values differ by release. */
  readonly funcId: number;
  /** True for the compiler's ABI wrapper that shares its name with the real function. */
  readonly wrapper: boolean;
  /** Position in the table. */
  readonly index: number;
}

/** An opened function table. Nothing but its head is read until something is asked for. */
export class Pclntab {
  readonly module: ModuleData;
  readonly place: PclntabPlace;
  readonly layout: PclntabLayout;
  /** Number of functions. */
  readonly count: number;
  /** What is unusual about the table, in words; empty for the tables of Go's own linker. */
  readonly problems: readonly string[];
  readonly #table: FunctionTable;
  readonly #lists: FrameLists;
  readonly #deltas: StackDeltas;
  readonly #byName = new Map<string, readonly number[]>();
  #wrapperId: number | undefined;
  #gofunc: number | undefined;

  constructor(elf: ElfFile, place: PclntabPlace, header: PclntabHeader, module: ModuleData) {
    this.module = module;
    this.place = place;
    this.layout = header.layout;
    this.count = header.functions;
    this.problems = header.knownMagic
      ? []
      : [`the function table's magic number is not Go's; read as of Go ${header.layout.releases}`];
    this.#table = new FunctionTable(elf, place, header, module);
    this.#deltas = new StackDeltas(this.#table);
    this.#lists = new FrameLists(this.#table, new FunctionDecoder(this.#table, () => this.gofunc));
  }

  /** Base of function data such as inline trees; 0 where the layout has none. */
  get gofunc(): number {
    return (this.#gofunc ??= findGofunc(this.#table));
  }

  /** The function that holds this address, or undefined outside Go's code. */
  functionAt(address: number): GoFunction | undefined {
    const index = this.#table.indexAt(address);
    return index < 0 ? undefined : this.#functionOf(index);
  }

  /**
   * All functions of that exact name, real ones before wrappers. Searches the name's bytes, then
   * the functions' name offsets; builds no index of strings.
   */
  functionsNamed(name: string): GoFunction[] {
    let found = this.#byName.get(name);
    if (found === undefined) {
      found = this.#search(name);
      this.#byName.set(name, found);
    }
    return found
      .flatMap(index => this.#functionOf(index) ?? [])
      .sort((a, b) => Number(a.wrapper) - Number(b.wrapper));
  }

  /** The function of that name, the real one before its wrapper; undefined where there is none. */
  functionNamed(name: string): GoFunction | undefined {
    return this.functionsNamed(name)[0];
  }

  /** True when the table holds that function name, as a function or as an inlined one. */
  hasName(name: string): boolean {
    return !this.#nameOffsets(name).next().done;
  }

  /** The function at a position of the table, 0 … count-1. Throws FormatError when damaged. */
  functionByIndex(index: number): GoFunction {
    const found = index >= 0 && index < this.count ? this.#functionOf(index) : undefined;
    if (found === undefined) {
      throw new FormatError(this.place.offset, 'no function at this position', index);
    }
    return found;
  }

  /** Every function in the order of addresses; costs one string each. */
  *functions(): Generator<GoFunction> {
    for (let index = 0; index < this.count; index++) {
      const found = this.#functionOf(index);
      if (found !== undefined) yield found;
    }
  }

  /**
   * Source frames of an address, innermost first: inlined calls, then the function itself.
   * Empty outside Go's code. A cycle in the inline tree ends the walk at its first repetition.
   */
  framesAt(address: number): readonly GoFrame[] {
    return this.#lists.at(address);
  }

  /**
   * Frames of many addresses at once, in any order: far cheaper than one by one, because each
   * function is decoded once and addresses of one line share one list. See {@link SymbolizedBatch}.
   */
  symbolizeMany(addresses: Float64Array): SymbolizedBatch {
    return this.#lists.many(addresses);
  }

  /**
   * Bytes by which the function has lowered the stack pointer at an instruction, as the runtime's
   * own traceback counts them; undefined where the table does not say.
   */
  stackBytesAt(address: number): number | undefined {
    return this.#deltas.at(address);
  }

  /** Undefined for a hole that the external linker made. */
  #functionOf(index: number): GoFunction | undefined {
    const table = this.#table;
    const record = table.recordAt(index);
    if (record < 0) return undefined;
    const { func } = table.layout;
    const funcId = table.records.getUint8(record + func.id);
    return {
      name: table.nameAt(table.field(record, func.name)),
      entry: this.module.text + table.starts[index]!,
      end: this.module.text + table.starts[index + 1]!,
      funcId,
      wrapper: funcId !== 0 && funcId === (this.#wrapperId ??= this.#commonestId()),
      index,
    };
  }

  /**
   * abi.FuncIDWrapper, which moves with releases: among the numbers of special functions it is
   * the one that many functions carry, the others stand for one or two functions each.
   */
  #commonestId(): number {
    const { records, layout } = this.#table;
    const uses = new Uint32Array(256);
    for (let index = 0; index < this.count; index++) {
      const record = this.#table.recordAt(index);
      if (record >= 0) uses[records.getUint8(record + layout.func.id)]!++;
    }
    uses[0] = 0;
    return uses.indexOf(uses.reduce((most, n) => Math.max(most, n), 0));
  }

  /** Offsets of the name among the table's strings: mostly one, none, or two for twins. */
  *#nameOffsets(name: string): Generator<number> {
    const names = this.#table.part(this.#table.header.names);
    const wanted = Buffer.from(`${name}\0`);
    for (let at = names.indexOf(wanted); at >= 0; at = names.indexOf(wanted, at + 1)) {
      if (this.#table.isNameOffset(at)) yield at;
    }
  }

  #search(name: string): number[] {
    const found: number[] = [];
    for (const offset of this.#nameOffsets(name)) {
      const { nameOffsets } = this.#table;
      let index = nameOffsets.indexOf(offset);
      for (; index >= 0; index = nameOffsets.indexOf(offset, index + 1)) found.push(index);
    }
    return found;
  }
}

/** How many places of a scan are tried: real programs need one or two, hostile ones have more. */
const PLACES_MAX = 8;

/**
 * Opens the function table of a program, whatever its release: by magic number and structure
 * alone. Throws FormatError when there is none, or none that module data point at. Costs a few
 * small reads, or one scan of the file where the sections do not tell.
 */
export function openPclntab(elf: ElfFile): Pclntab {
  let first: FormatError | undefined;
  let tried = 0;
  for (const place of pclntabPlaces(elf)) {
    if (++tried > PLACES_MAX) break;
    try {
      return openAt(elf, place);
    } catch (error) {
      // Another place may hold the real table; if none does, the likeliest one's trouble is told.
      if (!(error instanceof FormatError)) throw error;
      first ??= error;
    }
  }
  throw first ?? new FormatError(0, 'no Go function table in the program');
}

function openAt(elf: ElfFile, place: PclntabPlace): Pclntab {
  const header = headerAt(elf, place, candidate => recordsFit(elf, place, candidate));
  const module = locateModuleData(elf, place, header);
  // The module data know where the table ends; a scan knows only where the segment does.
  const exact = module.tableBytes > 0 && module.tableBytes < place.sizeBytesMax;
  if (!exact) return new Pclntab(elf, place, header, module);
  const bounded = { ...place, sizeBytesMax: module.tableBytes };
  const tight = headerAt(elf, bounded, candidate => recordsFit(elf, bounded, candidate));
  return new Pclntab(elf, bounded, tight, module);
}
