/**
 * Where a probe goes inside a function. What a reader would get wrong: Go restarts a function
 * from its first byte after growing the stack, so an entry probe there counts some calls twice;
 * the right place is behind the stack check, where the arguments are still in their registers.
 */
import { FormatError } from '../elf/index.js';
import type { CostClass, Instruction, InstructionReader } from './instruction.js';

/** One place: the virtual address of an instruction that the kernel can probe. */
export interface Place {
  readonly address: number;
  /** The instruction as text, for reports. */
  readonly instruction: string;
  readonly costClass: CostClass;
}

/** The code of one function: bytes and the virtual address of the first. */
export interface FunctionCode {
  readonly name: string;
  readonly address: number;
  readonly code: Uint8Array;
}

/** A stack check lies within the first instructions, even that of a very large frame. */
const STACK_CHECK_INSTRUCTIONS = 10;

function toPlace(reader: InstructionReader, f: FunctionCode, instruction: Instruction): Place {
  const { address, costClass, refusal } = instruction;
  const at = address - f.address;
  const text = reader.describe(f.code.subarray(at, at + instruction.length), address);
  if (refusal !== undefined) {
    throw new FormatError(at, `place probe in ${f.name}: the kernel refuses ${refusal}`, text);
  }
  return { address, instruction: text, costClass };
}

/** Every return instruction of a function. Throws FormatError when there is none. */
export function findReturns(reader: InstructionReader, f: FunctionCode): Place[] {
  const returns = reader.decode(f.code, f.address).filter(i => i.kind === 'return');
  if (returns.length === 0) throw new FormatError(0, `find returns of ${f.name}: there are none`);
  return returns.map(i => toPlace(reader, f, i));
}

/** How many instructions a block may have that grows the stack: it spills up to nine registers. */
const GROW_BLOCK_INSTRUCTIONS = 24;

/** Whether a branch goes to a block that calls something and then begins the function anew. */
function growsStack(code: readonly Instruction[], branch: Instruction, entry: number): boolean {
  const start = code.findIndex(i => i.address === branch.target);
  if (start < 0) return false;
  const block = code.slice(start, start + GROW_BLOCK_INSTRUCTIONS);
  const call = block.findIndex(i => i.kind === 'call');
  const jump = block.findIndex(i => i.kind === 'jump');
  return call >= 0 && call < jump && block[jump]!.target === entry;
}

/**
 * The instruction behind Go's stack check; the first instruction for functions without one.
 * Arguments, stack pointer and return address are those of the call. The check is known by what
 * it leads to, a call and a jump back to the first instruction: how it reads g differs by release.
 */
export function afterStackCheck(reader: InstructionReader, f: FunctionCode): Place {
  const code = reader.decode(f.code, f.address);
  const head = code.slice(0, STACK_CHECK_INSTRUCTIONS);
  const first = head[0];
  if (first === undefined) throw new FormatError(0, `find entry of ${f.name}: no code`);
  const guard = head.findIndex(i => i.readsStackGuard === true);
  const branch = head.findIndex(
    (i, at) =>
      i.belowOrEqual === true && ((guard >= 0 && at > guard) || growsStack(code, i, f.address)),
  );
  return toPlace(reader, f, head[branch + 1] ?? first);
}

/**
 * Every direct call of one of the callees' entries inside the function. Arguments are in place.
 * Empty where the callee was inlined or is called through a pointer.
 */
export function findCalls(
  reader: InstructionReader,
  f: FunctionCode,
  callees: readonly number[],
): Place[] {
  return reader
    .decode(f.code, f.address)
    .filter(i => i.kind === 'call' && i.target !== undefined && callees.includes(i.target))
    .map(i => toPlace(reader, f, i));
}

/** The stack slot that a register was last loaded from, if nothing else changed it since. */
function slotOf(code: readonly Instruction[], register: string): number | undefined {
  const last = code.findLast(i => i.setsRegister === register || i.kind === 'call');
  return last?.loadsStack?.register === register ? last.loadsStack.offset : undefined;
}

/**
 * Those calls of the callees whose first argument is what the function will return: the register
 * was loaded from the same stack slot before the call and before the return behind it, and nothing
 * between them stores to that slot or calls anything else. For Go's register convention.
 */
export function findCallsWithResult(
  reader: InstructionReader,
  f: FunctionCode,
  callees: readonly number[],
): Place[] {
  const code = reader.decode(f.code, f.address);
  const register = reader.arch === 'arm64' ? 'x0' : 'rax';
  return findCalls(reader, f, callees).filter(place => {
    const at = code.findIndex(i => i.address === place.address);
    const tail = code.slice(at + 1);
    const end = tail.findIndex(i => i.kind === 'return');
    const after = tail.slice(0, Math.max(0, end));
    const straight = after.every(i => i.kind === 'other' && i.storesArgument === undefined);
    const slot = slotOf(code.slice(0, at), register);
    return end >= 0 && straight && slot !== undefined && slotOf(after, register) === slot;
  });
}

/** How many harmless instructions a C function's probe may lie behind its first byte. */
const C_ENTRY_SKIP = 4;

/**
 * The entry of a C function: its first instruction, or the first one that the kernel emulates
 * behind instructions that leave the call as it was (`endbr64`, `test rdi,rdi` before `je`). Such
 * a place costs a tenth and serves entry and return probes alike, as the stack's top is still the
 * return address. `f.code` must be the whole function: a branch back before the place rules it out.
 */
export function cEntry(reader: InstructionReader, f: FunctionCode): Place {
  const code = reader.decode(f.code, f.address);
  const first = code[0];
  if (first === undefined) throw new FormatError(0, `find entry of ${f.name}: no code`);
  for (const instruction of code.slice(0, C_ENTRY_SKIP + 1)) {
    if (instruction.costClass === 'emulated') {
      const { address } = instruction;
      const again = code.some(i => (i.target ?? 0) > f.address && (i.target ?? 0) <= address);
      return toPlace(reader, f, again ? first : instruction);
    }
    const at = instruction.address - f.address;
    const bytes = f.code.subarray(at, at + instruction.length);
    if (!reader.keepsCall(bytes, instruction.address)) break;
  }
  return toPlace(reader, f, first);
}
