/**
 * From an attach alternative to the instructions where its probe goes in this target. What a
 * reader would get wrong: one alternative may have several places (every RET), and two
 * alternatives may have the same one (aliases in libc); the session attaches each place once.
 */
import { basename } from 'node:path';
import {
  afterStackCheck,
  cEntry,
  type CostClass,
  findCalls,
  findReturns,
  FormatError,
  type FunctionCode,
  type GoFunction,
  type GoProgram,
  type InstructionReader,
  type Place,
  STT_GNU_IFUNC,
} from '@sonde/symbols';
import { UnsupportedError } from '../errors.js';
import type { AttachIr } from '../schema/ir.js';
import { findAllocator, functionSymbols } from './libc.js';
import type { Module } from './modules.js';

/** One instruction to probe. */
export interface AttachLocation {
  /** Path to open: leads to the file that the target maps, for as long as the target lives. */
  readonly file: string;
  readonly fileOffset: number;
  /** Address in the running target. */
  readonly address: bigint;
  /** The function, as the symbol table or Go names it. */
  readonly symbol: string;
  /** The instruction as text, such as `push rbp`. */
  readonly instruction: string;
  readonly costClass: CostClass;
  /** What the module is called in the target: path of the executable or library. */
  readonly module: string;
}

/** Attach alternatives that name an instruction of the target; the others are the kernel's. */
export type TargetAttachIr = Extract<
  AttachIr,
  { kind: 'cFunction' | 'cReturn' | 'goEntry' | 'goReturn' | 'goCall' }
>;

/** What the search needs to know of the target. */
export interface AttachScope {
  readonly modules: readonly Module[];
  /** The main program's module. */
  readonly executable: Module;
  readonly go: GoProgram;
  readonly instructions: InstructionReader;
}

/** Bytes of a C function that are looked at when its symbol has no size. */
const ENTRY_BYTES = 32;

function notFound(
  attach: TargetAttachIr,
  reason: string,
  hint: string,
  cause?: unknown,
): UnsupportedError {
  const feature = `${attach.kind} ${attach.name}`;
  const about = { feature, since: '' };
  return new UnsupportedError(`attach ${feature}: ${reason}`, about, { hint, cause });
}

function toLocation(module: Module, symbol: string, place: Place): AttachLocation {
  const fileOffset = module.elf!.vaddrToOffset(place.address);
  if (fileOffset === undefined) {
    throw new FormatError(0, `place probe in ${symbol}: no bytes of the file`, place.address);
  }
  return {
    file: module.openPath,
    fileOffset,
    address: BigInt(place.address) + module.bias,
    symbol,
    instruction: place.instruction,
    costClass: place.costClass,
    module: module.path,
  };
}

function findModule(
  scope: AttachScope,
  attach: Extract<TargetAttachIr, { kind: 'cFunction' | 'cReturn' }>,
): Module {
  const { library } = attach;
  if (library === 'executable') return scope.executable;
  if (library === 'libc') {
    const libc = findAllocator(scope.modules);
    if (libc !== undefined) return libc;
    const stripped = scope.go.cgo && scope.executable.elf!.symbols().length === 0;
    throw stripped
      ? notFound(
          attach,
          `${scope.executable.path} is static and has no symbol table`,
          'link the program without -s so that its C functions can be found',
        )
      : notFound(
          attach,
          'the target maps no C library',
          'the program does not use cgo, so it has no C heap',
        );
  }
  const found = scope.modules.find(m => {
    const name = basename(m.path);
    return name === library.soname || name.startsWith(`${library.soname}.`);
  });
  if (found !== undefined) return found;
  throw notFound(attach, `the target maps no ${library.soname}`, 'see /proc/PID/maps');
}

function resolveC(
  scope: AttachScope,
  attach: Extract<TargetAttachIr, { kind: 'cFunction' | 'cReturn' }>,
): AttachLocation[] {
  const module = findModule(scope, attach);
  const symbols = functionSymbols(module, attach.symbol);
  if (symbols.length === 0) {
    const hint = 'another alternative of this attach point may fit; see sonde probes';
    throw notFound(attach, `symbol ${attach.symbol} not found in ${module.path}`, hint);
  }
  const places = new Map<number, AttachLocation>();
  for (const symbol of symbols) {
    if (symbol.type === STT_GNU_IFUNC) {
      const cause = `${attach.symbol} of ${module.path} is chosen at run time (IFUNC)`;
      throw notFound(attach, cause, 'probe the chosen function by its own name');
    }
    const code = module.elf!.readVirtual(symbol.value, symbol.sizeBytes || ENTRY_BYTES);
    const f: FunctionCode = { name: symbol.name, address: symbol.value, code };
    const location = toLocation(module, symbol.name, cEntry(scope.instructions, f));
    places.set(location.fileOffset, location);
  }
  return [...places.values()];
}

function codeOf(go: GoProgram, f: GoFunction): FunctionCode {
  return { name: f.name, address: f.entry, code: go.elf.readVirtual(f.entry, f.end - f.entry) };
}

function resolveGoFunction(
  scope: AttachScope,
  attach: Extract<TargetAttachIr, { kind: 'goEntry' | 'goReturn' }>,
): AttachLocation[] {
  const { go, instructions, executable } = scope;
  for (const name of attach.symbols) {
    const f = go.pclntab.functionNamed(name);
    if (f === undefined) continue;
    const code = codeOf(go, f);
    const places =
      attach.kind === 'goEntry'
        ? [afterStackCheck(instructions, code)]
        : findReturns(instructions, code);
    return places.map(place => toLocation(executable, name, place));
  }
  const cause = `${attach.symbols.join(', ')} not found in ${executable.path}`;
  throw notFound(attach, cause, 'the compiler may have inlined it away in this build');
}

function resolveGoCall(
  scope: AttachScope,
  attach: Extract<TargetAttachIr, { kind: 'goCall' }>,
): AttachLocation[] {
  const { go, instructions, executable } = scope;
  const caller = go.pclntab.functionNamed(attach.caller);
  const callees = go.pclntab.functionsNamed(attach.callee).map(f => f.entry);
  if (caller === undefined || callees.length === 0) {
    const missing = caller === undefined ? attach.caller : attach.callee;
    const hint = 'the compiler may have inlined it away in this build';
    throw notFound(attach, `${missing} not found in ${executable.path}`, hint);
  }
  const places = findCalls(instructions, codeOf(go, caller), callees);
  if (places.length === 0) {
    const cause = `${attach.caller} does not call ${attach.callee} in ${executable.path}`;
    throw notFound(attach, cause, 'the compiler inlined the call in this build');
  }
  return places.map(place => toLocation(executable, attach.caller, place));
}

function resolveByKind(scope: AttachScope, attach: TargetAttachIr): AttachLocation[] {
  switch (attach.kind) {
    case 'cFunction':
    case 'cReturn':
      return resolveC(scope, attach);
    case 'goEntry':
    case 'goReturn':
      return resolveGoFunction(scope, attach);
    case 'goCall':
      return resolveGoCall(scope, attach);
  }
}

/**
 * All places of one alternative, at least one. Throws UnsupportedError (with a hint) where the
 * target lacks the function, its code cannot be read, or the kernel would refuse the instruction.
 */
export function resolveAttach(scope: AttachScope, attach: TargetAttachIr): AttachLocation[] {
  try {
    return resolveByKind(scope, attach);
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    const hint = 'another alternative of this attach point may fit; see sonde probes';
    throw notFound(attach, error.message, hint, error);
  }
}
