/**
 * Where a program keeps the runtime's globals: by symbol where there are symbols, else by decoding
 * runtime functions that use them. What a reader would get wrong: an address that is not found is
 * absent, never guessed; and addresses are those of the file, to which the load bias is added.
 *
 * Witnesses in a program without symbols (same source lines in Go 1.15 – 1.27, runtime/*.go):
 *   mheap           mallocinit passes it to (*mheap).init; also the receiver of (*mheap).alloc
 *   memstats        newBucket passes &memstats.buckhash_sys to persistentalloc
 *   gcController    the receiver of (*gcControllerState).update, or of its init in gcinit
 *   mbuckets        the one word that mProf_FlushLocked reads
 *   allgs           the words of a slice header that forEachG, before 1.17 allgadd, reads
 *   memProfileRate  the word that profilealloc reads last before it calls anything
 *   disableMemoryProfiling  the byte that schedinit tests before it writes 0 to memProfileRate
 * allglen, allm, sched and work are known by symbol only; allgs + 8 holds the same as allglen.
 */
import type { Instruction, InstructionReader } from '../code/index.js';
import type { GoProgram } from './go-program.js';
import type { GoFunction } from './pclntab.js';

/** Globals by the name that they have here, and their symbol. */
const SYMBOLS = {
  mheap: 'runtime.mheap_',
  memstats: 'runtime.memstats',
  gcController: 'runtime.gcController',
  mbuckets: 'runtime.mbuckets',
  allgs: 'runtime.allgs',
  allglen: 'runtime.allglen',
  allm: 'runtime.allm',
  sched: 'runtime.sched',
  work: 'runtime.work',
  memProfileRate: 'runtime.MemProfileRate',
  disableMemoryProfiling: 'runtime.disableMemoryProfiling',
} as const;

/** The names of {@link RuntimeGlobals}. */
export type GlobalName = keyof typeof SYMBOLS;

/** The globals that were found; addresses as in the file (load bias 0). */
export interface RuntimeGlobals extends Readonly<Partial<Record<GlobalName, number>>> {
  /** By which means each one that is there was found. */
  readonly foundBy: Readonly<Partial<Record<GlobalName, 'symbol' | 'disassembly'>>>;
}

/** Functions that pass globals on; profile-guided builds inline some calls or callers. */
const ALLOCATORS = [
  'runtime.(*mcache).allocLarge',
  'runtime.largeAlloc',
  'runtime.mallocgcLarge',
  'runtime.mallocgc',
  'runtime.(*mcache).releaseAll',
  'runtime.(*mcache).prepareForSweep',
  'runtime.(*mheap).freeSpanLocked',
];

/** How far before a call an argument may be loaded; real programs need ten, in ABI0 code. */
const ARGUMENT_DISTANCE = 12;
const REGISTERS = { x86_64: ['rax', 'rbx', 'rcx'], arm64: ['x0', 'x1', 'x2'] } as const;

/** The instructions of one function of the program. */
export function decodeFunction(
  go: GoProgram,
  reader: InstructionReader,
  f: GoFunction,
): Instruction[] {
  return reader.decode(go.elf.readVirtual(f.entry, f.end - f.entry), f.entry);
}

/** Looks at functions of one program, each decoded once. */
class Witnesses {
  readonly #go: GoProgram;
  readonly #reader: InstructionReader;
  readonly #decoded = new Map<number, readonly Instruction[]>();

  constructor(go: GoProgram, reader: InstructionReader) {
    this.#go = go;
    this.#reader = reader;
  }

  /** Code of all functions with one of these names, in the order of the names. */
  code(names: readonly string[]): (readonly Instruction[])[] {
    return names
      .flatMap(name => this.#go.pclntab.functionsNamed(name))
      .map(f => {
        const known = this.#decoded.get(f.entry) ?? decodeFunction(this.#go, this.#reader, f);
        this.#decoded.set(f.entry, known);
        return known;
      });
  }

  /**
   * The address passed as argument `index` of a call of `callee`, less the offset of the field
   * that it names; undefined where no caller shows it.
   */
  argument(
    callers: readonly string[],
    callee: string,
    index: number,
    field?: string,
  ): number | undefined {
    const entries = this.#go.pclntab.functionsNamed(callee).map(f => f.entry);
    const inStruct = field === undefined ? 0 : this.#go.offsets.get(field);
    if (entries.length === 0 || inStruct === undefined) return undefined;
    for (const code of this.code(callers)) {
      const address = this.#argumentOfCall(code, entries, index);
      if (address !== undefined) return address - inStruct;
    }
    return undefined;
  }

  #argumentOfCall(
    code: readonly Instruction[],
    entries: readonly number[],
    index: number,
  ): number | undefined {
    const inRegister = REGISTERS[this.#reader.arch][index];
    for (const [at, call] of code.entries()) {
      if (call.kind !== 'call' || call.target === undefined) continue;
      if (!entries.includes(call.target)) continue;
      const before = code.slice(Math.max(0, at - ARGUMENT_DISTANCE), at);
      const since = before.slice(before.findLastIndex(i => i.kind === 'call') + 1);
      const stored = since.findLastIndex(i => i.storesArgument?.word === index);
      const register = this.#go.goAbi === 0 ? since[stored]?.storesArgument?.register : inRegister;
      const loads = this.#go.goAbi === 0 ? since.slice(0, Math.max(0, stored)) : since;
      const load = loads.findLast(i => i.loadsAddress?.register === register);
      if (load?.loadsAddress !== undefined) return load.loadsAddress.address;
    }
    return undefined;
  }

  /** The address of a slice header whose pointer and length some function reads. */
  sliceHeader(names: readonly string[]): number | undefined {
    for (const code of this.code(names)) {
      const reads = code.flatMap(i => (i.readsGlobal === undefined ? [] : [i.readsGlobal]));
      const pairs = reads.filter(
        ({ address, bytes }) =>
          bytes === 16 || (bytes === 8 && reads.some(other => other.address === address + 8)),
      );
      if (pairs.length > 0) return Math.min(...pairs.map(each => each.address));
    }
    return undefined;
  }

  /** The first or last word of 8 bytes that a function reads before its first call. */
  wordRead(names: readonly string[], which: 'first' | 'last'): number | undefined {
    for (const code of this.code(names)) {
      const call = code.findIndex(i => i.kind === 'call');
      const reads = code
        .slice(0, call < 0 ? code.length : call)
        .filter(i => i.readsGlobal?.bytes === 8);
      const read = which === 'first' ? reads[0] : reads.at(-1);
      if (read?.readsGlobal !== undefined) return read.readsGlobal.address;
    }
    return undefined;
  }

  /** The byte whose test comes shortly before a write to `address`. */
  byteBeforeWrite(names: readonly string[], address: number | undefined): number | undefined {
    if (address === undefined) return undefined;
    for (const code of this.code(names)) {
      const write = code.findIndex(i => i.writesGlobal?.address === address);
      if (write < 0) continue;
      const before = code.slice(Math.max(0, write - ARGUMENT_DISTANCE), write);
      const test = before.findLast(i => i.readsGlobal?.bytes === 1);
      if (test?.readsGlobal !== undefined) return test.readsGlobal.address;
    }
    return undefined;
  }
}

function byDisassembly(
  go: GoProgram,
  reader: InstructionReader,
): Partial<Record<GlobalName, number>> {
  const seen = new Witnesses(go, reader);
  const memProfileRate = seen.wordRead(['runtime.profilealloc'], 'last');
  const found: Partial<Record<GlobalName, number | undefined>> = {
    mheap:
      seen.argument(['runtime.mallocinit'], 'runtime.(*mheap).init', 0) ??
      seen.argument(ALLOCATORS, 'runtime.(*mheap).alloc', 0),
    memstats:
      seen.argument(
        ['runtime.newBucket', 'runtime.stkbucket'],
        'runtime.persistentalloc',
        2,
        'mstats.buckhash_sys',
      ) ??
      seen.argument(ALLOCATORS, 'runtime.(*consistentHeapStats).acquire', 0, 'mstats.heapStats'),
    gcController:
      seen.argument(ALLOCATORS, 'runtime.(*gcControllerState).update', 0) ??
      seen.argument(['runtime.gcinit'], 'runtime.(*gcControllerState).init', 0),
    mbuckets: seen.wordRead(['runtime.mProf_FlushLocked'], 'first'),
    allgs: seen.sliceHeader(['runtime.forEachG', 'runtime.allgadd']),
    memProfileRate,
    disableMemoryProfiling: seen.byteBeforeWrite(['runtime.schedinit'], memProfileRate),
  };
  const present = Object.entries(found).filter(([, address]) => address !== undefined);
  return Object.fromEntries(present) as Partial<Record<GlobalName, number>>;
}

/**
 * Finds what can be found, each global by itself; a program may have no symbol of one that the
 * linker dropped. Costs the symbol table, or the decoding of some ten functions.
 */
export function findRuntimeGlobals(go: GoProgram, reader: InstructionReader): RuntimeGlobals {
  const names = new Map(Object.entries(SYMBOLS).map(([name, symbol]) => [symbol as string, name]));
  const globals: Record<string, number> = {};
  const foundBy: Record<string, 'symbol' | 'disassembly'> = {};
  for (const { name: symbol, value } of go.elf.symbols()) {
    const name = names.get(symbol);
    if (name === undefined || value === 0) continue;
    globals[name] = value;
    foundBy[name] = 'symbol';
  }
  if (globals['mheap'] === undefined || globals['memstats'] === undefined) {
    for (const [name, address] of Object.entries(byDisassembly(go, reader))) {
      if (globals[name] !== undefined) continue;
      globals[name] = address;
      foundBy[name] = 'disassembly';
    }
  }
  return { ...globals, foundBy };
}
