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

/**
 * The instruction behind Go's stack check; the first instruction for functions without one.
 * Arguments, stack pointer and return address are those of the call.
 */
export function afterStackCheck(reader: InstructionReader, f: FunctionCode): Place {
  const head = reader.decode(f.code, f.address).slice(0, STACK_CHECK_INSTRUCTIONS);
  const first = head[0];
  if (first === undefined) throw new FormatError(0, `find entry of ${f.name}: no code`);
  const guard = head.findIndex(i => i.readsStackGuard === true);
  const branch = guard < 0 ? -1 : head.findIndex((i, at) => at > guard && i.belowOrEqual === true);
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

/**
 * The entry of a C function: its first instruction, or the one behind a landing pad (`endbr64`,
 * `bti`) where the kernel emulates that one. `exact` asks for the very first instruction, which
 * a return probe needs.
 */
export function cEntry(reader: InstructionReader, f: FunctionCode, exact = false): Place {
  const [first, second] = reader.decode(f.code.subarray(0, 32), f.address);
  if (first === undefined) throw new FormatError(0, `find entry of ${f.name}: no code`);
  const skip = !exact && first.landingPad === true && second?.costClass === 'emulated';
  return toPlace(reader, f, skip ? second! : first);
}
