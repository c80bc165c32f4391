/**
 * DWARF expressions as call frame information uses them (DWARF 5, 2.5): for procedure linkage
 * tables, realigned stacks and signal frames. What a reader would get wrong: there are no branches
 * here on purpose, so that the work is bounded by the bytes; no compiler writes them in frames.
 */
import { FormatError } from '../elf/index.js';
import { CfiReader } from './cfi-reader.js';

/** What an expression may look at: register values and copied memory; NaN where unknown. */
export interface ExpressionInput {
  register(number: number): number;
  word(address: number): number;
}

const OP_ADDR = 0x03;
const OP_DEREF = 0x06;
const OP_CONST1U = 0x08;
const OP_CONST1S = 0x09;
const OP_CONST2U = 0x0a;
const OP_CONST2S = 0x0b;
const OP_CONST4U = 0x0c;
const OP_CONST4S = 0x0d;
const OP_CONST8U = 0x0e;
const OP_CONST8S = 0x0f;
const OP_CONSTU = 0x10;
const OP_CONSTS = 0x11;
const OP_DUP = 0x12;
const OP_DROP = 0x13;
const OP_OVER = 0x14;
const OP_SWAP = 0x16;
const OP_PLUS_UCONST = 0x23;
const OP_LIT0 = 0x30;
const OP_LIT31 = 0x4f;
const OP_BREG0 = 0x70;
const OP_BREG31 = 0x8f;
const OP_BREGX = 0x92;
const OP_NOP = 0x96;

const STACK_MAX = 64;
/** The longest that compilers and libraries write, for signal frames, have some ten bytes. */
const EXPRESSION_BYTES_MAX = 1024;

/** An expression, and the virtual address of its first byte, which errors name. */
export interface Expression {
  readonly bytes: Uint8Array;
  readonly address: number;
}

const bits = (f: (a: bigint, b: bigint) => bigint) => (a: number, b: number) => {
  if (!Number.isSafeInteger(a) || !Number.isSafeInteger(b)) return NaN;
  return Number(BigInt.asIntN(64, f(BigInt(a), BigInt(b))));
};

/** Operations on the two topmost values, the lower one first. */
const BINARY: Readonly<Record<number, (a: number, b: number) => number>> = {
  0x1a: bits((a, b) => a & b),
  0x1c: (a, b) => a - b,
  0x1e: (a, b) => a * b,
  0x21: bits((a, b) => a | b),
  0x22: (a, b) => a + b,
  0x24: bits((a, b) => (b < 64n && b >= 0n ? a << b : 0n)),
  0x25: bits((a, b) => (b < 64n && b >= 0n ? BigInt.asUintN(64, a) >> b : 0n)),
  0x26: bits((a, b) => (b < 64n && b >= 0n ? a >> b : 0n)),
  0x27: bits((a, b) => a ^ b),
  0x29: (a, b) => Number(a === b),
  0x2a: (a, b) => Number(a >= b),
  0x2b: (a, b) => Number(a > b),
  0x2c: (a, b) => Number(a <= b),
  0x2d: (a, b) => Number(a < b),
  0x2e: (a, b) => Number(a !== b),
};

function constant(op: number, reader: CfiReader): number | undefined {
  switch (op) {
    case OP_ADDR:
    case OP_CONST8U:
    case OP_CONST8S:
      return reader.s64();
    case OP_CONST1U:
      return reader.u8();
    case OP_CONST1S:
      return (reader.u8() << 24) >> 24;
    case OP_CONST2U:
      return reader.u16();
    case OP_CONST2S:
      return (reader.u16() << 16) >> 16;
    case OP_CONST4U:
      return reader.u32();
    case OP_CONST4S:
      return reader.u32() | 0;
    case OP_CONSTU:
      return reader.uleb();
    case OP_CONSTS:
      return reader.sleb();
    default:
      return op >= OP_LIT0 && op <= OP_LIT31 ? op - OP_LIT0 : undefined;
  }
}

/** The stack of one evaluation. */
class Values {
  readonly #values: number[];
  readonly #reader: CfiReader;

  constructor(initial: readonly number[], reader: CfiReader) {
    this.#values = [...initial];
    this.#reader = reader;
  }

  push(value: number): void {
    const { length } = this.#values;
    if (length >= STACK_MAX) throw this.#refusal('expression stack overflow', length);
    this.#values.push(value);
  }

  pop(): number {
    const value = this.#values.pop();
    if (value === undefined) throw this.#refusal('expression takes from a stack of length', 0);
    return value;
  }

  /** Names the place behind the operation that failed. */
  #refusal(what: string, value: number): FormatError {
    return new FormatError(this.#reader.place, what, value);
  }
}

function step(op: number, reader: CfiReader, values: Values, input: ExpressionInput): void {
  const value = constant(op, reader);
  const binary = BINARY[op];
  if (value !== undefined) values.push(value);
  else if (binary !== undefined) {
    const b = values.pop();
    values.push(binary(values.pop(), b));
  } else if (op >= OP_BREG0 && op <= OP_BREG31) {
    values.push(input.register(op - OP_BREG0) + reader.sleb());
  } else if (!stackOperation(op, reader, values, input)) {
    throw new FormatError(reader.place - 1, 'unsupported DWARF operation', op);
  }
}

function stackOperation(
  op: number,
  reader: CfiReader,
  values: Values,
  input: ExpressionInput,
): boolean {
  switch (op) {
    case OP_BREGX:
      values.push(input.register(reader.uleb()) + reader.sleb());
      return true;
    case OP_DEREF:
      values.push(input.word(values.pop()));
      return true;
    case OP_PLUS_UCONST:
      values.push(values.pop() + reader.uleb());
      return true;
    case OP_DUP: {
      const top = values.pop();
      values.push(top);
      values.push(top);
      return true;
    }
    case OP_DROP:
      values.pop();
      return true;
    case OP_OVER: {
      const b = values.pop();
      const a = values.pop();
      for (const value of [a, b, a]) values.push(value);
      return true;
    }
    case OP_SWAP: {
      const b = values.pop();
      const a = values.pop();
      for (const value of [b, a]) values.push(value);
      return true;
    }
    case OP_NOP:
      return true;
    default:
      return false;
  }
}

/**
 * The value of an expression; NaN where it needs a register or memory that is not known.
 * `initial` lies on the stack at the start: the CFA, for the rules of registers. Throws
 * FormatError for an operation that is unknown or finds too little on the stack, and for an
 * expression that is longer than any that is written.
 */
export function evaluate(
  { bytes, address }: Expression,
  initial: readonly number[],
  input: ExpressionInput,
): number {
  if (bytes.byteLength > EXPRESSION_BYTES_MAX) {
    throw new FormatError(address, 'implausible length of an expression', bytes.byteLength);
  }
  const reader = new CfiReader(bytes, address);
  const values = new Values(initial, reader);
  while (!reader.done) step(reader.u8(), reader, values, input);
  return values.pop();
}
