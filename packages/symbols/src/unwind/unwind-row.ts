/**
 * The way back from an address: where the caller's frame and registers are, as call frame
 * information states it. What a reader would get wrong: a register that is not named keeps its
 * value, and an *undefined* return address is the end of the thread, not an error.
 */
import type { Expression } from './expression.js';

/** How the canonical frame address (the stack pointer before the call) is found. */
export type CfaRule =
  | { readonly kind: 'register'; readonly register: number; readonly offset: number }
  | ({ readonly kind: 'expression' } & Expression);

/** Where the caller's value of one register is. */
export type RegisterRule =
  | { readonly kind: 'same' }
  | { readonly kind: 'undefined' }
  /** In memory, `offset` bytes from the CFA. */
  | { readonly kind: 'saved'; readonly offset: number }
  /** The CFA plus `offset` itself. */
  | { readonly kind: 'value'; readonly offset: number }
  | { readonly kind: 'register'; readonly register: number }
  /** In memory, where the expression leads, or what it leads to. */
  | ({ readonly kind: 'savedExpression' | 'valueExpression' } & Expression);

/** What holds at an address. */
export interface UnwindRow {
  readonly cfa: CfaRule;
  /** By DWARF register number; registers that are absent keep their value. */
  readonly registers: ReadonlyMap<number, RegisterRule>;
  readonly returnRegister: number;
  /** True in the trampoline of a signal handler, whose caller's address is exact. */
  readonly signal: boolean;
}

/** DWARF register numbers of an architecture that unwinding needs by name. */
export interface DwarfRegisters {
  readonly stackPointer: number;
  readonly framePointer: number;
  readonly returnAddress: number;
  /** Highest register whose value is tracked. */
  readonly last: number;
}

/** System V ABI, AMD64 supplement, figure 3.36; DWARF for the Arm 64-bit Architecture, 4.1. */
export const DWARF_REGISTERS: Readonly<Record<'x86_64' | 'arm64', DwarfRegisters>> = {
  x86_64: { stackPointer: 7, framePointer: 6, returnAddress: 16, last: 16 },
  // 32 is the program counter, which only a signal frame holds.
  arm64: { stackPointer: 31, framePointer: 29, returnAddress: 30, last: 32 },
};
