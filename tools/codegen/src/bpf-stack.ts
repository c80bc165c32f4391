/**
 * How much of its stack each BPF program takes, from the object. What a reader would get wrong: a
 * program and the functions that it calls share 512 bytes, each frame rounded up to 32
 * (kernel/bpf/verifier.c, check_max_stack_depth, in every kernel since 5.10), and a verifier says
 * so only at load.
 */
import { ElfObject, type ElfFunction } from './elf-object.js';

/** What programs may take: 32 bytes less than kernels give, so that a change has room. */
export const BPF_STACK_BYTES_MAX = 480;

/** A frame's size is a multiple of this to the verifier. */
const FRAME_GRAIN_BYTES = 32;

/** What one program takes with the deepest chain of functions that it calls. */
export interface StackUse {
  readonly program: string;
  readonly bytes: number;
  /** The program and that chain, each with its own frame before rounding. */
  readonly frames: readonly { readonly name: string; readonly bytes: number }[];
}

/** Registers that a call leaves undefined. */
const CALL_CLOBBERS = [0, 1, 2, 3, 4, 5];
const FRAME_POINTER = 10;
const INSTRUCTION_BYTES = 8;

/** Instruction codes: Documentation/bpf/standardization/instruction-set.rst. */
const CODE = { loadImmediate64: 0x18, move64: 0xbf, add64Immediate: 0x07, call: 0x85 } as const;
const CLASS = { load: 1, storeImmediate: 2, store: 3, alu32: 4, alu64: 7 } as const;
/** In a call's source register: another function of the object. */
const CALL_OF_FUNCTION = 1;

interface Frame {
  readonly bytes: number;
  readonly calls: readonly ElfFunction[];
}

/** The stack use of every function that no other one calls; throws on an object that is no ELF. */
export function stackUses(object: Uint8Array): StackUse[] {
  const elf = new ElfObject(object);
  const frames = new Map(elf.functions.map(each => [each, frameOf(elf, each)]));
  const called = new Set([...frames.values()].flatMap(frame => frame.calls));
  return elf.functions
    .filter(each => !called.has(each))
    .map(each => {
      const chain = deepest(each, frames);
      return { program: each.name, bytes: roundedSum(chain), frames: chain };
    });
}

/** Throws what a program takes too much, frame by frame, for the object of `source`. */
export function checkStackUses(source: string, object: Uint8Array): void {
  for (const { program, bytes, frames } of stackUses(object)) {
    if (bytes <= BPF_STACK_BYTES_MAX) continue;
    const chain = frames.map(frame => `${frame.name} ${frame.bytes}`).join(' + ');
    throw new Error(
      `compile ${source}: program ${program} takes ${bytes} bytes of stack, ` +
        `more than ${BPF_STACK_BYTES_MAX}: ${chain}`,
    );
  }
}

function roundedSum(frames: readonly { readonly bytes: number }[]): number {
  const grains = frames.map(({ bytes }) => Math.max(1, Math.ceil(bytes / FRAME_GRAIN_BYTES)));
  return grains.reduce((sum, each) => sum + each, 0) * FRAME_GRAIN_BYTES;
}

function deepest(
  from: ElfFunction,
  frames: ReadonlyMap<ElfFunction, Frame>,
): { name: string; bytes: number }[] {
  const frame = frames.get(from);
  if (frame === undefined) return [];
  const below = frame.calls
    .map(callee => deepest(callee, frames))
    .reduce((most, chain) => (roundedSum(chain) > roundedSum(most) ? chain : most), []);
  return [{ name: from.name, bytes: frame.bytes }, ...below];
}

/** Follows the addresses that are made from the frame pointer through one function. */
function frameOf(elf: ElfObject, each: ElfFunction): Frame {
  const code = elf.code(each);
  const calls: ElfFunction[] = [];
  let offsets = new Map<number, number>([[FRAME_POINTER, 0]]);
  let lowest = 0;
  const use = (offset: number | undefined): void => {
    if (offset !== undefined) lowest = Math.min(lowest, offset);
  };
  for (let at = 0; at < each.bytes; at += INSTRUCTION_BYTES) {
    const operation = code.getUint8(at);
    const to = code.getUint8(at + 1) & 15;
    const from = code.getUint8(at + 1) >> 4;
    const offset = code.getInt16(at + 2, true);
    const immediate = code.getInt32(at + 4, true);
    const kind = operation & 7;
    const base = kind === CLASS.load ? offsets.get(from) : offsets.get(to);
    if (operation === CODE.loadImmediate64) {
      offsets.delete(to);
      at += INSTRUCTION_BYTES;
    } else if (operation === CODE.call) {
      if (from === CALL_OF_FUNCTION) calls.push(elf.callee(each, at, immediate));
      offsets = new Map([...offsets].filter(([register]) => !CALL_CLOBBERS.includes(register)));
    } else if (kind === CLASS.load) {
      use(base === undefined ? undefined : base + offset);
      offsets.delete(to);
    } else if (kind === CLASS.store || kind === CLASS.storeImmediate) {
      use(base === undefined ? undefined : base + offset);
    } else if (operation === CODE.move64) {
      const copied = offsets.get(from);
      if (copied === undefined) offsets.delete(to);
      else offsets.set(to, copied);
    } else if (operation === CODE.add64Immediate && base !== undefined) {
      offsets.set(to, base + immediate);
      use(base + immediate);
    } else if (kind === CLASS.alu32 || kind === CLASS.alu64) {
      offsets.delete(to);
    }
  }
  return { bytes: -lowest, calls };
}
