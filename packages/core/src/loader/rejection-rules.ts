/**
 * What the verifier's verdicts mean, in words for somebody who writes a probe: one entry for each
 * kind of mistake, with the kernel's wordings from 5.10 to the newest.
 *
 * What a reader would get wrong: the same mistake has other words in other kernels, and one wording
 * serves several mistakes; the first rule whose pattern fits and that does not pass decides. The
 * wordings are those of kernel/bpf/verifier.c, each seen in the corpus of refused programs.
 */
import { describeState, type RegisterState } from './register-state.js';

/** What the log says about the refused instruction. */
export interface RefusedInstruction {
  /** `r6` of `*(u64 *)(r6 +16)`: the register whose memory is used; undefined for others. */
  readonly base?: number;
  /** The constant in it, in bytes. */
  readonly offset: number;
  /** Name of the called helper, such as `bpf_ringbuf_submit`; empty when it is no call. */
  readonly helper: string;
  /** Whether an earlier instruction on the shown path gave a record away. */
  readonly afterSubmit: boolean;
  /** What was known of a register. */
  readonly state: (register: number) => RegisterState | undefined;
}

/** What an author is told of a refused instruction. */
export interface RejectionWords {
  /** One of the kinds in the table, such as `null-unchecked`. */
  readonly kind: string;
  /** What is wrong, with the types and ranges that the verifier knew. */
  readonly words: string;
  /** What to do about it. */
  readonly next: string;
}

interface Rule {
  readonly pattern: RegExp;
  /** Undefined: another rule may fit better. */
  readonly read: (match: RegExpExecArray, at: RefusedInstruction) => RejectionWords | undefined;
}

function known(at: RefusedInstruction, register: number): string {
  const state = at.state(register);
  const words = state === undefined ? 'a number' : describeState(state);
  // What is known of most numbers is that they are numbers, which the sentence says anyway.
  return words === 'a number' ? '' : `: ${words}`;
}

const GIVEN_AWAY: RejectionWords = {
  kind: 'record-given-away',
  words: 'the record was submitted or discarded before, and belongs to the reader since',
  next: 'fill in every field first and submit once, as the last use of the record',
};

function nullUnchecked(what: string): RejectionWords {
  return {
    kind: 'null-unchecked',
    words: `${what} may be null here`,
    next: 'compare it with null before its first use: if (!p) return 0;',
  };
}

const MAY_BE_NULL: Readonly<Record<string, string>> = {
  map_value: 'the result of the map lookup',
  mem: 'the reserved record',
  ringbuf_mem: 'the reserved record',
  alloc_mem: 'the reserved record',
};

function numberAsPointer(match: RegExpExecArray, at: RefusedInstruction): RejectionWords {
  const register = Number(match[1]);
  const state = at.state(register);
  if (state?.least === 0n && state.most === 0n) return nullUnchecked('the pointer');
  if (at.afterSubmit) return GIVEN_AWAY;
  return {
    kind: 'number-as-pointer',
    words:
      `a number is used as a pointer${known(at, register)}; memory of the traced ` +
      "process and of the kernel is not the program's own",
    next:
      'read it with bpf_probe_read_user() or bpf_probe_read_kernel() into a variable ' +
      'or a record',
  };
}

function outside(what: string): Rule['read'] {
  return (match, at) => {
    const [, size = '', offset = '', length = ''] = match;
    const last = Number(offset) + Number(length) - 1;
    const range = at.base === undefined ? '' : known(at, at.base);
    return {
      kind: 'out-of-bounds',
      words: `bytes ${offset} to ${last} of ${what} that has ${size} bytes${range}`,
      next:
        'compare the index with the length of the field first, or look at the type of ' +
        'the pointer',
    };
  };
}

function unboundedIndex(register: number | undefined, at: RefusedInstruction): RejectionWords {
  return {
    kind: 'unbounded-index',
    words: `nothing limits the index${register === undefined ? '' : known(at, register)}`,
    next:
      'compare it with the length first (if (i >= N) return 0;) or mask it (i &= N - ' +
      '1), as an unsigned number',
  };
}

function unboundedLength(register: number, at: RefusedInstruction): RejectionWords {
  return {
    kind: 'unbounded-length',
    words:
      `the length that ${at.helper || 'the helper'} is given is not ` +
      `limited${known(at, register)}`,
    next:
      'make it unsigned and limit it by the size of the destination: if (n > ' +
      'sizeof(room)) n = sizeof(room);',
  };
}

function stackBounds(match: RegExpExecArray, at: RefusedInstruction): RejectionWords {
  const range = at.base === undefined ? '' : known(at, at.base);
  const [, offset, size] = match;
  const bytes = offset === undefined ? '' : ` (${size} bytes from ${offset})`;
  return {
    kind: 'stack-bounds',
    words: `the access leaves the variable on the stack${bytes}${range}`,
    next: 'the length must fit the variable; an index needs a limit; the whole stack has 512 bytes',
  };
}

function wrongArgument(match: RegExpExecArray, at: RefusedInstruction): RejectionWords {
  const [, register = '', type = '', expected = ''] = match;
  const submit = /^bpf_ringbuf_(submit|discard)$/.test(at.helper);
  if (submit && at.afterSubmit) return GIVEN_AWAY;
  return {
    kind: 'wrong-argument',
    words:
      `argument ${register} of ${at.helper || 'the call'} is ` +
      `${type.replace(/^inv$/, 'scalar')} and has to be one of: ${expected}`,
    next: submit
      ? 'submit exactly the pointer that the reserve returned'
      : 'pass the address of a variable on the stack, of a map value or of a record',
  };
}

const RULES: readonly Rule[] = [
  {
    pattern: /R\d+ invalid mem access '(\w+)_or_null'/,
    read: ([, type = '']) => nullUnchecked(MAY_BE_NULL[type] ?? `the ${type}`),
  },
  {
    pattern: /R\d+ pointer arithmetic on (\w+)_or_null prohibited/,
    read: ([, type = '']) => nullUnchecked(MAY_BE_NULL[type] ?? `the ${type}`),
  },
  { pattern: /R(\d+) invalid mem access '(?:inv|scalar)'/, read: numberAsPointer },
  {
    pattern: /invalid access to map value, value_size=(\d+) off=(-?\d+) size=(\d+)/,
    read: outside('a map value'),
  },
  {
    pattern: /invalid access to memory, mem_size=(\d+) off=(-?\d+) size=(\d+)/,
    read: outside('a record'),
  },
  {
    pattern: /R(\d+) unbounded memory access, (?:make sure|use)/,
    read: ([, register], at) =>
      at.helper === ''
        ? unboundedIndex(Number(register), at)
        : unboundedLength(Number(register), at),
  },
  {
    pattern: /math between \w+ pointer and register with unbounded m(?:in|ax) value/,
    read: (_match, at) => unboundedIndex(undefined, at),
  },
  {
    pattern: /R(\d+) min value is negative/,
    read: ([, register], at) =>
      at.helper === ''
        ? unboundedIndex(Number(register), at)
        : unboundedLength(Number(register), at),
  },
  {
    pattern: /write into map forbidden/,
    read: () => ({
      kind: 'read-only',
      words: 'parameters and other constants are read-only once the program is loaded',
      next: 'keep what changes in a map of the schema',
    }),
  },
  { pattern: /invalid (?:unbounded )?variable-offset \w+ (?:to|from) stack/, read: stackBounds },
  { pattern: /R\d+ (?:unbounded|variable) .*stack/, read: stackBounds },
  {
    pattern:
      /invalid (?:indirect )?(?:access to|read from|write to) stack R\d+ off=(-?\d+) size=(\d+)/,
    read: stackBounds,
  },
  { pattern: /invalid stack type R\d+ off=(-?\d+) access_size=(-?\d+)/, read: stackBounds },
  {
    pattern: /R\d+ unbounded size|is not a (?:known )?const/,
    read: () => ({
      kind: 'size-not-constant',
      words: 'the size of a record has to be a constant',
      next: 'reserve a record of the schema, whose size is known, or the largest of a few sizes',
    }),
  },
  {
    pattern: /invalid bpf_context access off=(\d+) size=(\d+)/,
    read: ([, offset, size]) => ({
      kind: 'context-bounds',
      words: `the context has nothing of ${size} bytes at ${offset}`,
      next: 'read arguments with sonde_c_arg() or sonde_go_arg(); a raw tracepoint has its own few',
    }),
  },
  {
    pattern: /variable ctx access|dereference of modified ctx/,
    read: () => ({
      kind: 'context-moved',
      words: 'the context may be read at constant places only, and this place is computed',
      next: 'copy the register first, with a constant index; choose among copies afterwards',
    }),
  },
  {
    pattern: /Unreleased reference id=\d+ alloc_insn=(\d+)/,
    read: () => ({
      kind: 'record-kept',
      words: 'one way out of the program neither submits nor discards the reserved record',
      next: 'discard it before every return that does not submit it',
    }),
  },
  {
    pattern: /(?:unknown func|program of this type cannot use helper) (\w+)#\d+/,
    read: ([, helper]) => ({
      kind: 'helper-unknown',
      words: `this kernel does not have ${helper} for programs of this type`,
      next: 'find since which kernel and for which programs the helper exists (bpf-helpers(7))',
    }),
  },
  {
    pattern: /cannot pass map_type \d+ into func (\w+)#\d+/,
    read: ([, helper]) => ({
      kind: 'map-type',
      words: `${helper} works on another kind of map than this one`,
      next: "declare the map in the schema with the kind that the helper's documentation names",
    }),
  },
  {
    pattern: /invalid zero-sized read/,
    read: (_match, at) => ({
      kind: 'length-zero',
      words: `the length that ${at.helper || 'the helper'} is given may be 0`,
      next: 'return early when there is nothing to copy',
    }),
  },
  { pattern: /R(\d+) type=(\S+) expected=(.+)/, read: wrongArgument },
  {
    pattern: /(?:bitwise operator|pointer arithmetic with) (\S+)/,
    read: ([, operator]) => ({
      kind: 'pointer-arithmetic',
      words: `${operator} is applied to a pointer; only a bounded number may be added to one`,
      next: 'calculate the index first, as a number, and add it to the pointer in the end',
    }),
  },
  {
    pattern: /R(\d+) !read_ok/,
    read: ([, register]) => ({
      kind: 'not-set',
      words: `register ${register} is read and was never written on this path`,
      next: 'give the variable a value where it is declared',
    }),
  },
  {
    pattern: /frame pointer is read only/,
    read: () => ({
      kind: 'frame-pointer',
      words: 'register 10 holds the stack and cannot be changed',
      next: 'copy it to another register first',
    }),
  },
  {
    pattern: /misaligned \w+ access off .*size (\d+)/,
    read: ([, size]) => ({
      kind: 'misaligned',
      words: `an access of ${size} bytes whose place is no multiple of ${size}`,
      next: 'use a field of the schema, which is always aligned, and no address inside of one',
    }),
  },
  {
    pattern: /infinite loop detected|back-edge from insn/,
    read: () => ({
      kind: 'loop',
      words: 'this loop never changes anything, so that its end cannot be seen',
      next: 'count with a variable up to a constant: for (int i = 0; i < N; i++)',
    }),
  },
  {
    pattern: /program is too large|jumps is too complex|too many states/,
    read: () => ({
      kind: 'too-large',
      words: 'the verifier gave up: too many ways through the program, most of them in a loop',
      next:
        'bound the loop by a smaller constant, or move its body into a function that is ' +
        'not static',
    }),
  },
  {
    pattern: /call stack of \d+ frames is too deep|combined stack size/,
    read: () => ({
      kind: 'stack-depth',
      words: 'functions are nested too deep, or use more than 512 bytes of stack together',
      next: 'keep large variables in a perCpuArray of the schema, or inline functions',
    }),
  },
];

/** The words for a verdict, or undefined for one that the table does not know. */
export function rejectionWords(
  summary: string,
  at: RefusedInstruction,
): RejectionWords | undefined {
  for (const { pattern, read } of RULES) {
    const match = pattern.exec(summary);
    const words = match === null ? undefined : read(match, at);
    if (words !== undefined) return words;
  }
  return undefined;
}
