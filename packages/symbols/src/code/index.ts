/** Room code: machine instructions and the places where probes go. Imports elf. */
import type { Arch } from '../elf/index.js';
import { arm64Reader } from './arm64.js';
import type { InstructionReader } from './instruction.js';
import { openX86Reader } from './x86.js';

export type {
  CostClass,
  GlobalAccess,
  Instruction,
  InstructionKind,
  InstructionReader,
} from './instruction.js';
export {
  afterStackCheck,
  cEntry,
  findCalls,
  findCallsWithResult,
  findReturns,
  type FunctionCode,
  type Place,
} from './places.js';
export { openEffectReader } from './effect-reader.js';
export type { Effect, EffectReader } from './effects.js';
export { followPointers, type Origin, type Trace } from './pointers.js';

/** The instruction reader of an architecture; x86-64 loads its decoder when first asked for. */
export async function openInstructionReader(arch: Arch): Promise<InstructionReader> {
  return arch === 'arm64' ? arm64Reader : openX86Reader();
}
