/**
 * Where a program keeps the runtime's globals and its g: by symbol where there are symbols, else
 * by decoding the runtime functions that use them. What a reader would get wrong: the thread-local
 * offset of g is -8 in most programs but not all; C thread-locals and static libraries move it.
 */
import type { Instruction, InstructionReader } from '../code/index.js';
import { PT_TLS, STT_TLS } from '../elf/index.js';
import type { GoProgram } from './go-program.js';
import type { GoFunction } from './pclntab.js';

/** The globals that Go's own counters stand in; addresses as in the file. */
export interface RuntimeGlobals {
  /** &runtime.gcController. */
  readonly gcController: number;
  /** &runtime.memstats; its heapStats stand at its start in every release of the tables. */
  readonly memstats: number;
  /** &runtime.mheap_. */
  readonly mheap: number;
  readonly foundBy: 'symbol' | 'disassembly';
}

/** A global, the function it is an argument of, and the symbol it has where not stripped. */
const ARGUMENTS = [
  ['gcController', 'runtime.gcController', 'runtime.(*gcControllerState).update'],
  ['memstats', 'runtime.memstats', 'runtime.(*consistentHeapStats).acquire'],
  ['mheap', 'runtime.mheap_', 'runtime.(*mheap).alloc'],
] as const;

/** Functions that pass those globals on; profile-guided builds inline some calls or callers. */
const CALLERS = [
  'runtime.(*mcache).allocLarge',
  'runtime.mallocgcLarge',
  'runtime.mallocgc',
  'runtime.(*mcache).releaseAll',
  'runtime.(*mcache).prepareForSweep',
  'runtime.(*mheap).freeSpanLocked',
];

/** How far before a call its first argument may be loaded; real programs need three. */
const ARGUMENT_DISTANCE = 8;

/** The instructions of one function of the program. */
export function decodeFunction(
  go: GoProgram,
  reader: InstructionReader,
  f: GoFunction,
): Instruction[] {
  return reader.decode(go.elf.readVirtual(f.entry, f.end - f.entry), f.entry);
}

/** The address loaded into the first argument before a call of one of these entries. */
function argumentOfCall(
  code: readonly Instruction[],
  entries: readonly number[],
  register: string,
): number | undefined {
  for (const [index, call] of code.entries()) {
    if (call.kind !== 'call' || call.target === undefined) continue;
    if (!entries.includes(call.target)) continue;
    const before = code.slice(Math.max(0, index - ARGUMENT_DISTANCE), index);
    const load = before.findLast(i => i.loadsAddress?.register === register);
    if (load?.loadsAddress !== undefined) return load.loadsAddress.address;
  }
  return undefined;
}

/** Finds the globals; undefined where neither a symbol nor a call gives one of them away. */
export function findRuntimeGlobals(
  go: GoProgram,
  reader: InstructionReader,
): RuntimeGlobals | undefined {
  const bySymbol = new Map(
    go.elf
      .symbols()
      .filter(s => ARGUMENTS.some(([, symbol]) => symbol === s.name))
      .map(s => [s.name, s.value]),
  );
  if (bySymbol.size === ARGUMENTS.length) {
    const [gcController, memstats, mheap] = ARGUMENTS.map(([, symbol]) => bySymbol.get(symbol)!);
    return { gcController: gcController!, memstats: memstats!, mheap: mheap!, foundBy: 'symbol' };
  }
  const register = reader.arch === 'arm64' ? 'x0' : 'rax';
  const callers = CALLERS.flatMap(name => go.pclntab.functionsNamed(name)).map(f =>
    decodeFunction(go, reader, f),
  );
  const found: Partial<Record<'gcController' | 'memstats' | 'mheap', number>> = {};
  for (const [key, , callee] of ARGUMENTS) {
    const entries = go.pclntab.functionsNamed(callee).map(f => f.entry);
    for (const code of callers) {
      const address = found[key] ?? argumentOfCall(code, entries, register);
      if (address !== undefined) found[key] = address;
    }
  }
  const { gcController, memstats, mheap } = found;
  if (gcController === undefined || memstats === undefined || mheap === undefined) return undefined;
  const heapStats = go.offsets.need('mstats.heapStats');
  return { gcController, memstats: memstats - heapStats, mheap, foundBy: 'disassembly' };
}

/** Where g stands, relative to the thread pointer (fs_base, TPIDR_EL0), in bytes. */
export interface TlsG {
  readonly offset: number;
  readonly foundBy: 'symbol' | 'disassembly' | 'no cgo';
}

const roundUp = (value: number, align: number): number =>
  align > 1 ? Math.ceil(value / align) * align : value;

/** By symbol: the linker's TLS layout of each architecture (variant II on x86-64, I on arm64). */
function tlsBySymbol(go: GoProgram): number | undefined {
  const segment = go.elf.segments.find(s => s.type === PT_TLS);
  const name = go.elf.arch === 'arm64' ? 'runtime.tls_g' : 'runtime.tlsg';
  const symbol = go.elf.symbols().find(s => s.name === name && s.type === STT_TLS);
  if (segment === undefined || symbol === undefined) return undefined;
  if (go.elf.arch === 'x86_64') return symbol.value - roundUp(segment.memoryBytes, segment.align);
  // Two pointers of the thread control block lie before the template on arm64.
  return Math.max(16, roundUp(16, segment.align)) + symbol.value;
}

/** The constant offset by which a function reads the thread's g. */
function tlsByCode(code: readonly Instruction[]): number | undefined {
  for (const [index, read] of code.entries()) {
    const thread = read.readsThread;
    if (thread === undefined) continue;
    if ('offset' in thread) return thread.offset;
    const load = code
      .slice(Math.max(0, index - ARGUMENT_DISTANCE), index)
      .findLast(i => i.movesConstant?.register === thread.register);
    if (load?.movesConstant !== undefined) return load.movesConstant.value;
  }
  return undefined;
}

/**
 * Finds the thread-local offset of g. Undefined on arm64 without cgo, where the runtime never
 * stores g in thread-local storage, and where the code loads the offset from a table that only
 * the dynamic loader fills (c-shared).
 */
export function findTlsG(go: GoProgram, reader: InstructionReader): TlsG | undefined {
  if (go.elf.arch === 'arm64' && !go.cgo) return undefined;
  const symbol = tlsBySymbol(go);
  if (symbol !== undefined) return { offset: symbol, foundBy: 'symbol' };
  const name = go.elf.arch === 'arm64' ? 'runtime.load_g' : 'runtime.asmcgocall';
  for (const f of go.pclntab.functionsNamed(name)) {
    const offset = tlsByCode(decodeFunction(go, reader, f));
    if (offset !== undefined) return { offset, foundBy: 'disassembly' };
  }
  return go.cgo ? undefined : { offset: -8, foundBy: 'no cgo' };
}
