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
  findCallsWithResult,
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
  /** Which of an alternative's functions it lies in, where they are told apart. */
  readonly part?: number;
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
  /** The module that holds the Go program; the executable where none is named. */
  readonly goModule?: Module;
  readonly go: GoProgram;
  readonly instructions: InstructionReader;
  /** The target's runtime.MemProfileRate now; undefined where it cannot be read. */
  readonly memProfileRate?: () => number | undefined;
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

function goModuleOf(scope: AttachScope): Module {
  return scope.goModule ?? scope.executable;
}

type GoFunctionIr = Extract<AttachIr, { kind: 'goEntry' | 'goReturn' }>;

const INLINED = 'the compiler may have inlined it away in this build';

/** All functions of the table that match, real ones where a wrapper shares the name. */
function matching(go: GoProgram, pattern: string): GoFunction[] {
  if (!pattern.endsWith('*')) {
    const f = go.pclntab.functionNamed(pattern);
    return f === undefined ? [] : [f];
  }
  const start = pattern.slice(0, -1);
  const found: GoFunction[] = [];
  for (let i = 0; i < go.pclntab.count; i++) {
    const f = go.pclntab.functionByIndex(i);
    if (f.name.startsWith(start) && !f.wrapper) found.push(f);
  }
  return found;
}

/** Says why the target rules this alternative out, if it does. */
function checkConditions(scope: AttachScope, attach: GoFunctionIr): void {
  const { go } = scope;
  const { path } = goModuleOf(scope);
  for (const pattern of attach.unless ?? []) {
    const [found] = matching(go, pattern);
    if (found === undefined) continue;
    throw notFound(attach, `${path} has ${found.name} too`, 'another way fits there');
  }
  if (attach.needs === undefined || scope.memProfileRate?.() !== 0) return;
  const cause =
    'memory profiling is off in this program: runtime.MemProfileRate is 0, which the linker ' +
    'arranges where nothing uses runtime.MemProfile';
  throw notFound(attach, cause, 'import net/http/pprof or runtime/pprof, or set the rate');
}

function placesIn(
  scope: AttachScope,
  attach: GoFunctionIr,
  f: GoFunction,
  part = 0,
): AttachLocation[] {
  const code = codeOf(scope.go, f);
  const places =
    attach.kind === 'goEntry'
      ? [afterStackCheck(scope.instructions, code)]
      : findReturns(scope.instructions, code);
  return places.map(place => ({ ...toLocation(goModuleOf(scope), f.name, place), part }));
}

function resolveGoFunction(scope: AttachScope, attach: GoFunctionIr): AttachLocation[] {
  const { go } = scope;
  const { path } = goModuleOf(scope);
  checkConditions(scope, attach);
  if (attach.all === true) {
    const required = attach.symbols.length;
    return [...attach.symbols, ...(attach.also ?? [])].flatMap((pattern, part) => {
      const found = matching(go, pattern);
      if (found.length > 0 || part >= required) {
        return found.flatMap(f => placesIn(scope, attach, f, part));
      }
      throw notFound(attach, `${pattern} not found in ${path}`, INLINED);
    });
  }
  for (const name of attach.symbols) {
    const f = go.pclntab.functionNamed(name);
    if (f !== undefined) return placesIn(scope, attach, f);
  }
  throw notFound(attach, `${attach.symbols.join(', ')} not found in ${path}`, INLINED);
}

function resolveGoCall(
  scope: AttachScope,
  attach: Extract<TargetAttachIr, { kind: 'goCall' }>,
): AttachLocation[] {
  const { go, instructions } = scope;
  const module = goModuleOf(scope);
  const { path } = module;
  const caller = go.pclntab.functionNamed(attach.caller);
  const callees = go.pclntab.functionsNamed(attach.callee).map(f => f.entry);
  if (caller === undefined || callees.length === 0) {
    const missing = caller === undefined ? attach.caller : attach.callee;
    throw notFound(attach, `${missing} not found in ${path}`, INLINED);
  }
  const code = codeOf(go, caller);
  const calls = findCalls(instructions, code, callees);
  if (calls.length === 0) {
    const cause = `${attach.caller} does not call ${attach.callee} in ${path}`;
    throw notFound(attach, cause, 'the compiler inlined the call in this build');
  }
  const shown =
    attach.passesResult === true ? findCallsWithResult(instructions, code, callees) : calls;
  if (shown.length < calls.length) {
    const cause = `the code of ${attach.caller} does not show that the call passes its result`;
    throw notFound(attach, cause, 'the return of the function is the way there');
  }
  return shown.map(place => toLocation(module, attach.caller, place));
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
