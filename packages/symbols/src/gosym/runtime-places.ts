/**
 * Where a program keeps its g: by symbol where there are symbols, else by decoding the runtime
 * functions that load it. What a reader would get wrong: the thread-local offset of g is -8 in
 * most programs but not all; C thread-locals and static libraries move it.
 */
import type { Instruction, InstructionReader } from '../code/index.js';
import { PT_TLS, STT_TLS } from '../elf/index.js';
import type { GoProgram } from './go-program.js';
import type { GoFunction } from './pclntab.js';
import { decodeFunction } from './runtime-globals.js';

/** How far before a read the constant may be loaded that it uses. */
const CONSTANT_DISTANCE = 8;

/**
 * Where g stands, relative to the thread pointer (fs_base, TPIDR_EL0), in bytes: a number, or the
 * address of the word in which the dynamic linker left that number (c-shared, some PIE).
 */
export type TlsG =
  | { readonly offset: number; readonly foundBy: 'symbol' | 'disassembly' | 'no cgo' }
  | { readonly slot: number; readonly foundBy: 'disassembly' };

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

/** The offset by which a function reads the thread's g, or the word that it takes it from. */
function tlsByCode(
  code: readonly Instruction[],
): { offset: number } | { slot: number } | undefined {
  for (const [index, read] of code.entries()) {
    const thread = read.readsThread;
    if (thread === undefined) continue;
    if ('offset' in thread) return { offset: thread.offset };
    const { register } = thread;
    const load = code
      .slice(Math.max(0, index - CONSTANT_DISTANCE), index)
      .findLast(i => i.setsRegister === register);
    if (load?.movesConstant !== undefined) return { offset: load.movesConstant.value };
    if (load?.readsGlobal?.bytes === 8) return { slot: load.readsGlobal.address };
  }
  return undefined;
}

/**
 * Finds the thread-local offset of g. Undefined on arm64 without cgo, where the runtime never
 * stores g in thread-local storage, and where no code shows it.
 */
export function findTlsG(go: GoProgram, reader: InstructionReader): TlsG | undefined {
  if (go.elf.arch === 'arm64' && !go.cgo) return undefined;
  const name = go.elf.arch === 'arm64' ? 'runtime.load_g' : 'runtime.asmcgocall';
  const found = go.pclntab
    .functionsNamed(name)
    .map(f => tlsByCode(decodeFunction(go, reader, f)))
    .find(each => each !== undefined);
  // A word that the dynamic linker fills is right even in a library, whose symbol is not.
  if (found !== undefined && 'slot' in found) return { ...found, foundBy: 'disassembly' };
  const symbol = tlsBySymbol(go);
  if (symbol !== undefined) return { offset: symbol, foundBy: 'symbol' };
  if (found !== undefined) return { ...found, foundBy: 'disassembly' };
  return go.cgo ? undefined : { offset: -8, foundBy: 'no cgo' };
}

/** What lies above the frame of runtime.cgocallbackg when C called back into Go, in bytes. */
export interface CallbackPlaces {
  /** Where the PC stands with which the goroutine had left for C. */
  readonly pc: number;
  /** Where that code's frame pointer chain goes on. */
  readonly frame: number;
  /** The function in which that PC lies, or the chain is not the one that is meant. */
  readonly within: GoFunction;
}

/** The last Go function of a callback: on arm64 the wrapper of 1.18 and later, if there is one. */
function lastOfCallback(go: GoProgram, reader: InstructionReader): GoFunction | undefined {
  const all = go.pclntab.functionsNamed('runtime.cgocallbackg');
  const others = (own: GoFunction): number[] => all.filter(f => f !== own).map(f => f.entry);
  const isWrapper = (own: GoFunction): boolean =>
    decodeFunction(go, reader, own).some(i => others(own).includes(i.target ?? NaN));
  return all.length < 2 ? all[0] : all.find(isWrapper);
}

/** The most bytes by which a function lowers the stack pointer; undefined for none. */
function frameBytes(go: GoProgram, { entry, end }: GoFunction): number | undefined {
  let most = 0;
  for (let at = entry; at < end; at += 4) most = Math.max(most, go.pclntab.stackBytesAt(at) ?? 0);
  return most === 0 ? undefined : most;
}

/**
 * arm64: runtime.cgocallback (asm_arm64.s, the same since 1.15) leaves the goroutine's PC at its
 * stack pointer and its frame pointer in the word below. The last function of the callback keeps
 * its caller's frame pointer at the bottom of its own frame, so that these lie above all of it.
 */
function arm64Places(
  go: GoProgram,
  reader: InstructionReader,
  within: GoFunction,
): CallbackPlaces | undefined {
  const last = lastOfCallback(go, reader);
  const frame = last && frameBytes(go, last);
  return frame === undefined ? undefined : { pc: frame + 8, frame, within };
}

/**
 * Where the outer Go frames go on above a callback from C. runtime.cgocallback (asm_amd64.s) copies
 * its frame of 40 bytes, in 1.15 of 32, to the place that the goroutine's stack pointer had when it
 * went into C, and puts the goroutine's PC above it: one in systemstack_switch, up to 1.16, whose
 * gosave keeps the real one, in asmcgocall. Since 1.21 asmcgocall has a frame of its own there;
 * before that the next one is runtime.cgocall's, whose place its prologue tells. Undefined without
 * cgo, and where the code is of another form.
 */
export function findCallbackPlaces(
  go: GoProgram,
  reader: InstructionReader,
): CallbackPlaces | undefined {
  if (!go.cgo) return undefined;
  const asmcgocall = go.pclntab.functionNamed('runtime.asmcgocall');
  const cgocall = go.pclntab.functionNamed('runtime.cgocall');
  const keepsOwn = go.pclntab.functionNamed('gosave') !== undefined;
  const within = keepsOwn ? asmcgocall : go.pclntab.functionNamed('runtime.systemstack_switch');
  if (asmcgocall === undefined || cgocall === undefined || within === undefined) return undefined;
  if (go.elf.arch === 'arm64') return arm64Places(go, reader, within);
  const old = go.pclntab.functionNamed('runtime.cgocallback_gofunc') !== undefined;
  const savedSp = old ? 48 : 56;
  const pc = savedSp - 8;
  const own = decodeFunction(go, reader, asmcgocall)[0]?.kind === 'push';
  if (own) return { pc, frame: savedSp, within };
  const set = decodeFunction(go, reader, cgocall).find(i => i.setsFrame !== undefined);
  return set && { pc, frame: savedSp + 8 + set.setsFrame!, within };
}
