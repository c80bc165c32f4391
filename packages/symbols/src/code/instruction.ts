/**
 * One decoded machine instruction, as far as probes care: where control goes, what it costs to
 * trap on it, and which addresses it computes. What a reader would get wrong: the cost class says
 * what the kernel does with a breakpoint there, not how fast the instruction itself is.
 */
import type { Arch } from '../elf/index.js';

/**
 * What the kernel does at a probe on this instruction. `emulated`: it computes the effect and
 * returns at once. `single-stepped`: it runs a copy out of line and traps a second time; measured
 * ten to twenty times dearer.
 */
export type CostClass = 'emulated' | 'single-stepped';

/** Kinds that some rule asks for; everything else is `other`. */
export type InstructionKind = 'return' | 'call' | 'jump' | 'branch' | 'push' | 'nop' | 'other';

/** The memory that an instruction names by its address in the file. */
export interface GlobalAccess {
  readonly address: number;
  readonly bytes: number;
}

/** One instruction. Register names are lower-case 64-bit names: `rax`, `x0`. */
export interface Instruction {
  readonly address: number;
  readonly length: number;
  readonly kind: InstructionKind;
  readonly costClass: CostClass;
  /** Why the kernel refuses a probe here; undefined where it takes one. */
  readonly refusal?: string;
  /** Where a direct call, jump or branch goes. */
  readonly target?: number;
  /** True for the branch that Go's stack check takes (`jbe`, `b.ls`). */
  readonly belowOrEqual?: boolean;
  /** True for a read of g.stackguard0 or stackguard1, by which a stack check begins. */
  readonly readsStackGuard?: boolean;
  /** True for a landing pad that does nothing else (`endbr64`, `bti`). */
  readonly landingPad?: boolean;
  /** A register that now holds the address of a global. */
  readonly loadsAddress?: { readonly register: string; readonly address: number };
  /** A read of a global: its address, and how many bytes. */
  readonly readsGlobal?: GlobalAccess;
  /** A write to a global. */
  readonly writesGlobal?: GlobalAccess;
  /** A register stored where the callee finds its stack argument number `word` (Go's ABI0). */
  readonly storesArgument?: { readonly register: string; readonly word: number };
  /** The register that the instruction changes; of those with two, the first. */
  readonly setsRegister?: string;
  /** A register that now holds the word at this distance from the stack pointer. */
  readonly loadsStack?: { readonly register: string; readonly offset: number };
  /** The frame pointer now points at this distance from the stack pointer (x86-64). */
  readonly setsFrame?: number;
  /** A register that now holds a constant. */
  readonly movesConstant?: { readonly register: string; readonly value: number };
  /** A read relative to the thread pointer: a constant offset, or one held by a register. */
  readonly readsThread?: { readonly offset: number } | { readonly register: string };
}

/** Decodes the code of one architecture. */
export interface InstructionReader {
  readonly arch: Arch;
  /** All instructions of a stretch of code that starts at a virtual address. */
  decode(code: Uint8Array, address: number): Instruction[];
  /**
   * True when the instruction at the start of `code` changes no argument register, neither stack
   * pointer nor return address, and falls through: a probe behind it sees the call as it was.
   */
  keepsCall(code: Uint8Array, address: number): boolean;
  /** The instruction as text, such as `push rbp`; for reports. */
  describe(code: Uint8Array, address: number): string;
}
