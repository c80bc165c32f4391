/**
 * A row packed into 64 bits, for a walk that follows only the stack and the frame pointer. What a
 * reader would get wrong: offsets are counted in words of 8 bytes; whatever does not fit becomes
 * `user`, which means "ask user space", never a rule that is nearly right.
 *
 *   bits 0–2 kind │ 3–15 CFA offset │ 16–31 place of the frame pointer below the CFA, 0: unchanged,
 *   0xfffe: where the frame pointer points, 0xffff: unknown │ 32–47 place of the return address
 *   below the CFA │ 48–63 zero
 */
import type { Arch } from '../elf/index.js';
import {
  type CfaRule,
  DWARF_REGISTERS,
  type DwarfRegisters,
  type RegisterRule,
  type UnwindRow,
} from './unwind-row.js';

/** Kinds of packed rules. */
export const RULE_KIND = {
  /** The CFA is the stack pointer plus an offset. */
  stack: 1,
  /** The CFA is the frame pointer plus an offset. */
  frame: 2,
  /** The outermost frame of a thread. */
  start: 3,
  /** No packed rule says it: user space unwinds. */
  user: 4,
  /** There is no unwind data: the stack is truncated here. */
  none: 5,
  /** The CFA is in memory, the offset below the frame pointer: a realigned stack. */
  frameMemory: 6,
} as const;

const WORD_BYTES = 8;
const CFA_WORDS_MAX = 0x1fff;
const PLACE_WORDS_MAX = 0xfffd;
const PLACE_AT_FRAME = 0xfffe;
const PLACE_UNKNOWN = 0xffff;

/** DWARF operations: the base of `breg`, and a load from memory (DWARF 5, 7.7.1). */
const OP_BREG0 = 0x70;
const OP_DEREF = 0x06;

const only = (kind: number): bigint => BigInt(kind);

/** The rule for code that no table describes. */
export const NO_RULE: bigint = only(RULE_KIND.none);

/** Distance of a saved register below the CFA in words; undefined where it cannot be packed. */
function placeOf(rule: RegisterRule | undefined): number | undefined {
  if (rule?.kind !== 'saved') return undefined;
  const words = -rule.offset / WORD_BYTES;
  return Number.isInteger(words) && words > 0 && words <= PLACE_WORDS_MAX ? words : undefined;
}

function framePlace(rule: RegisterRule | undefined, framePointer: number): number {
  if (rule === undefined || rule.kind === 'same') return 0;
  if (rule.kind === 'savedExpression') {
    const [operation, offset, ...more] = rule.bytes;
    const atFrame = operation === OP_BREG0 + framePointer && offset === 0 && more.length === 0;
    return atFrame ? PLACE_AT_FRAME : PLACE_UNKNOWN;
  }
  return placeOf(rule) ?? PLACE_UNKNOWN;
}

/** Kind and word offset of a CFA; undefined where neither register leads to it. */
function cfaOf(cfa: CfaRule, registers: DwarfRegisters): readonly [number, number] | undefined {
  if (cfa.kind === 'expression') {
    // `breg(fp) -n; deref`, with n in one byte of signed LEB128: how compilers realign stacks.
    const [operation, leb = 0, load, ...more] = cfa.bytes;
    const known = operation === OP_BREG0 + registers.framePointer && load === OP_DEREF;
    if (!known || more.length > 0 || leb < 0x40 || leb > 0x7f) return undefined;
    return [RULE_KIND.frameMemory, (0x80 - leb) / WORD_BYTES];
  }
  if (cfa.register === registers.stackPointer) return [RULE_KIND.stack, cfa.offset / WORD_BYTES];
  if (cfa.register === registers.framePointer) return [RULE_KIND.frame, cfa.offset / WORD_BYTES];
  return undefined;
}

/**
 * Packs a row. `exact` says that it is that of the instruction where a thread is, and not of a
 * return address: only there may the return address still be in its register (arm64). `user` where
 * the caller's frame cannot be found from stack and frame pointer alone, and for signal frames.
 */
export function packRule(arch: Arch, row: UnwindRow, exact: boolean): bigint {
  const registers = DWARF_REGISTERS[arch];
  const returnRule = row.registers.get(row.returnRegister);
  if (returnRule?.kind === 'undefined') return only(RULE_KIND.start);
  if (row.signal) return only(RULE_KIND.user);
  const inRegister = returnRule === undefined && exact && arch === 'arm64';
  const place = inRegister ? 0 : placeOf(returnRule);
  const [kind, words] = cfaOf(row.cfa, registers) ?? [0, 0];
  const fits = Number.isInteger(words) && words >= 0 && words <= CFA_WORDS_MAX;
  if (kind === 0 || !fits || place === undefined) return only(RULE_KIND.user);
  const frame = framePlace(row.registers.get(registers.framePointer), registers.framePointer);
  return BigInt(kind) | (BigInt(words) << 3n) | (BigInt(frame) << 16n) | (BigInt(place) << 32n);
}
