/**
 * The one table of calling conventions: which member of the saved registers holds integer argument
 * or result n. What a reader would get wrong: Go numbers arguments after flattening structs,
 * strings (2 words) and slices (3 words), and never mixes its convention with C's: RAX is Go's
 * first argument and C's result.
 */

/** Registers of one architecture by use; each is an expression on the saved registers. */
export interface CallingConventions {
  /** The macro by which BPF objects are compiled for this architecture. */
  readonly define: string;
  /** The struct behind the program's context, from sonde_kernel.bpf.h. */
  readonly registers: string;
  readonly stackPointer: string;
  /** C: integer arguments in registers, then the result. */
  readonly c: { readonly name: string; readonly args: readonly string[]; readonly result: string };
  /** Go's register ABI; results come back in the argument registers (abi-internal.md). */
  readonly go: { readonly name: string; readonly words: readonly string[] };
}

const ARM64_X = (count: number): string[] =>
  Array.from({ length: count }, (_, index) => `regs[${index}]`);

/** x86_64: SysV psABI 3.2.3. arm64: AAPCS64 6.8.2. Go: src/cmd/compile/abi-internal.md. */
export const CALLING_CONVENTIONS: readonly CallingConventions[] = [
  {
    define: '__TARGET_ARCH_x86',
    registers: 'struct pt_regs',
    stackPointer: 'sp',
    c: { name: 'SysV', args: ['di', 'si', 'dx', 'cx', 'r8', 'r9'], result: 'ax' },
    go: {
      name: 'ABIInternal',
      words: ['ax', 'bx', 'cx', 'di', 'si', 'r8', 'r9', 'r10', 'r11'],
    },
  },
  {
    define: '__TARGET_ARCH_arm64',
    registers: 'struct user_pt_regs',
    stackPointer: 'sp',
    c: { name: 'AAPCS64', args: ARM64_X(8), result: 'regs[0]' },
    go: { name: 'ABIInternal', words: ARM64_X(16) },
  },
];
