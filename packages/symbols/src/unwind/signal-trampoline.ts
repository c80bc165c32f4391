/**
 * The frame of a signal handler's caller on arm64, where the kernel describes it nowhere. What a
 * reader would get wrong: since Linux 5.8 the vDSO has no call frame information for the code to
 * which a handler returns, on purpose; unwinders know it by its two instructions.
 *
 *   sp → siginfo 128 │ ucontext: flags 8, link 8, stack 24, mask 128, pad 8 │ fault address 8 │
 *        x0 … x30 │ sp │ pc │ pstate   (arch/arm64: struct rt_sigframe, struct sigcontext)
 */
import { viewOf } from '../elf/index.js';
import type { RegisterRule, UnwindRow } from './unwind-row.js';

/** `mov x8, #139` (rt_sigreturn), `svc #0`. */
const MOVE_SIGRETURN = 0xd2801168;
const SUPERVISOR_CALL = 0xd4000001;

/** Bytes of code that tell the trampoline. */
export const TRAMPOLINE_BYTES = 8;

const REGISTERS_AT = 128 + 8 + 8 + 24 + 128 + 8 + 8;
const STACK_POINTER = 31;
const PROGRAM_COUNTER = 32;

/** x0 to x30, then the stack pointer, then the program counter, each 8 bytes behind the other. */
const REGISTERS: ReadonlyMap<number, RegisterRule> = new Map(
  Array.from({ length: PROGRAM_COUNTER + 1 }, (_, register) => [
    register,
    { kind: 'saved', offset: REGISTERS_AT + 8 * register },
  ]),
);

const ROW: UnwindRow = {
  cfa: { kind: 'register', register: STACK_POINTER, offset: 0 },
  registers: REGISTERS,
  returnRegister: PROGRAM_COUNTER,
  signal: true,
};

/** The row at code whose first bytes are given, if it is the trampoline; arm64 only. */
export function signalTrampolineRow(code: Uint8Array): UnwindRow | undefined {
  if (code.byteLength < TRAMPOLINE_BYTES) return undefined;
  const view = viewOf(code);
  const known =
    view.getUint32(0, true) === MOVE_SIGRETURN && view.getUint32(4, true) === SUPERVISOR_CALL;
  return known ? ROW : undefined;
}
