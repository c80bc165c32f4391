/**
 * The stack of a goroutine that is not running, from copied bytes. What a reader would get wrong:
 * the frame pointer alone misses the caller of a function that was stopped in its prologue and
 * knows nothing of a system call before Go 1.23; where the frame's size is known (the runtime's
 * own table of stack deltas), it is used, and the frame pointer elsewhere.
 *
 * x86-64: [sp + size] holds the return address, the word before it the caller's frame pointer.
 * arm64:  [sp] holds the return address, the word below it the caller's frame pointer.
 */
import { viewOf, type RuntimeMemory } from './runtime-reader.js';

/** What is known of a function's frame at one of its instructions. */
export interface FrameShape {
  /** Bytes from the stack pointer to the return address (x86-64) or to the caller's (arm64). */
  readonly bytes: number;
  /** True for a function that a signal made its victim call: the caller's address is exact. */
  readonly interrupts: boolean;
}

/** The frame at an instruction; undefined where the function is unknown. */
export type FrameShapeAt = (pc: bigint) => FrameShape | undefined;

/** Where a stopped goroutine continues. */
export interface Registers {
  readonly pc: bigint;
  readonly sp: bigint;
  /** Undefined where it was not saved. */
  readonly bp: bigint | undefined;
  /** Return address of a function that has no frame yet, on arm64; 0 where it is on the stack. */
  readonly lr: bigint;
}

/** The stack's place, and where its outermost frame ends. */
export interface StackBounds {
  readonly lo: bigint;
  readonly hi: bigint;
  readonly top: bigint;
}

/** What a walk found, and how it ended. */
export interface WalkedStack {
  /** Return addresses, innermost first. */
  readonly pcs: readonly bigint[];
  /** True where the walk came to the outermost frame. */
  readonly complete: boolean;
}

/** Bytes copied at once for one goroutine; deeper stacks are fetched piece by piece. */
export const STACK_WINDOW_BYTES = 16 * 1024;

/** Words of one stack, copied in windows. Nothing outside of the stack's bounds is read. */
export class StackWindow {
  readonly #memory: RuntimeMemory;
  readonly #bounds: StackBounds;
  #start: bigint;
  #view: DataView;

  /** `bytes` were copied from `start`; more is fetched when the walk leaves them. */
  constructor(memory: RuntimeMemory, bounds: StackBounds, start: bigint, bytes: Uint8Array) {
    this.#memory = memory;
    this.#bounds = bounds;
    this.#start = start;
    this.#view = viewOf(bytes);
  }

  /** The word at an address; undefined outside of the stack or where it is not aligned. */
  word(address: bigint): bigint | undefined {
    const { lo, hi } = this.#bounds;
    if (address < lo || address + 8n > hi || address % 8n !== 0n) return undefined;
    const end = this.#start + BigInt(this.#view.byteLength);
    if (address < this.#start || address + 8n > end) {
      const left = hi - address;
      const length = left < STACK_WINDOW_BYTES ? Number(left) : STACK_WINDOW_BYTES;
      const [bytes] = this.#memory.readMany([{ address, length }]);
      if (bytes === undefined) return undefined;
      this.#start = address;
      this.#view = viewOf(bytes);
    }
    return this.#view.getBigUint64(Number(address - this.#start), true);
  }
}

/** How a walk is done. */
export interface WalkOptions {
  readonly arch: 'x86_64' | 'arm64';
  readonly framesMax: number;
  readonly shapeAt?: FrameShapeAt;
}

interface Step {
  readonly pc: bigint;
  readonly sp: bigint;
  readonly bp: bigint | undefined;
}

/** Walks from the registers outwards. Never loops: each step's stack pointer is higher. */
export function walkStack(
  window: StackWindow,
  bounds: StackBounds,
  from: Registers,
  options: WalkOptions,
): WalkedStack {
  const pcs = [from.pc];
  let at: Step = from;
  let exact = false;
  let lr = from.lr;
  while (pcs.length < options.framesMax) {
    const shape: FrameShape | undefined = options.shapeAt?.(exact ? at.pc : at.pc - 1n);
    const next = shape
      ? stepByShape(window, at, lr, shape.bytes, options.arch)
      : stepByPointer(window, at);
    if (next === undefined) return { pcs, complete: false };
    if (next.sp >= bounds.top || next.pc === 0n) return { pcs, complete: true };
    if (next.sp < at.sp || (next.sp === at.sp && lr === 0n)) return { pcs, complete: false };
    pcs.push(next.pc);
    exact = shape?.interrupts === true;
    lr = 0n;
    at = next;
  }
  return { pcs, complete: false };
}

function stepByShape(
  window: StackWindow,
  at: Step,
  lr: bigint,
  bytes: number,
  arch: WalkOptions['arch'],
): Step | undefined {
  const size = BigInt(bytes);
  if (arch === 'arm64') {
    // Without a frame the return address is still in its register, known only at the first step.
    if (bytes === 0) return lr === 0n ? undefined : { pc: lr, sp: at.sp, bp: at.bp };
    const pc = window.word(at.sp);
    return pc === undefined ? undefined : { pc, sp: at.sp + size, bp: window.word(at.sp - 8n) };
  }
  const slot = at.sp + size;
  const pc = window.word(slot);
  if (pc === undefined) return undefined;
  return { pc, sp: slot + 8n, bp: bytes >= 8 ? window.word(slot - 8n) : at.bp };
}

function stepByPointer(window: StackWindow, at: Step): Step | undefined {
  if (at.bp === undefined || at.bp + 8n < at.sp) return undefined;
  const pc = window.word(at.bp + 8n);
  const bp = window.word(at.bp);
  return pc === undefined || bp === undefined ? undefined : { pc, sp: at.bp + 16n, bp };
}
