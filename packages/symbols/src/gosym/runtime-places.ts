/**
 * Where a program keeps its g: by symbol where there are symbols, else by decoding the runtime
 * functions that load it. What a reader would get wrong: the thread-local offset of g is -8 in
 * most programs but not all; C thread-locals and static libraries move it.
 */
import type { Instruction, InstructionReader } from '../code/index.js';
import { PT_TLS, STT_TLS } from '../elf/index.js';
import type { GoProgram } from './go-program.js';
import { decodeFunction } from './runtime-globals.js';

/** How far before a read the constant may be loaded that it uses. */
const CONSTANT_DISTANCE = 8;

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
      .slice(Math.max(0, index - CONSTANT_DISTANCE), index)
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
