/**
 * A row packed into 64 bits, for a walk that follows only the stack and the frame pointer. What a
 * reader would get wrong: offsets are counted in words of 8 bytes; whatever does not fit becomes
 * `user`, which means "ask user space", never a rule that is nearly right.
 *
 *   bits 0–2 kind │ 3–15 CFA offset │ 16–31 place of the frame pointer below the CFA, 0: unchanged,
 *   0xffff: unknown │ 32–47 place of the return address below the CFA │ 48–63 zero
 */
import type { Arch } from '../elf/index.js';
import { DWARF_REGISTERS, type RegisterRule, type UnwindRow } from './unwind-row.js';

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
} as const;

const WORD_BYTES = 8;
const CFA_WORDS_MAX = 0x1fff;
const PLACE_WORDS_MAX = 0xfffe;
const PLACE_UNKNOWN = 0xffff;

const only = (kind: number): bigint => BigInt(kind);

/** The rule for code that no table describes. */
export const NO_RULE: bigint = only(RULE_KIND.none);

/** Distance of a saved register below the CFA in words; undefined where it cannot be packed. */
function placeOf(rule: RegisterRule | undefined): number | undefined {
  if (rule?.kind !== 'saved') return undefined;
  const words = -rule.offset / WORD_BYTES;
  return Number.isInteger(words) && words > 0 && words <= PLACE_WORDS_MAX ? words : undefined;
}

function framePlace(rule: RegisterRule | undefined): number {
  if (rule === undefined || rule.kind === 'same') return 0;
  return placeOf(rule) ?? PLACE_UNKNOWN;
}

/**
 * Packs a row. `exact` says that it is that of the instruction where a thread is, and not of a
 * return address: only there may the return address still be in its register (arm64). `user` where
 * the caller's frame cannot be found from stack and frame pointer alone, and for signal frames.
 */
export function packRule(arch: Arch, row: UnwindRow, exact: boolean): bigint {
  const { stackPointer, framePointer } = DWARF_REGISTERS[arch];
  const returnRule = row.registers.get(row.returnRegister);
  if (returnRule?.kind === 'undefined') return only(RULE_KIND.start);
  const { cfa } = row;
  if (row.signal || cfa.kind !== 'register') return only(RULE_KIND.user);
  const words = cfa.offset / WORD_BYTES;
  const inRegister = returnRule === undefined && exact && arch === 'arm64';
  const place = inRegister ? 0 : placeOf(returnRule);
  const based = cfa.register === stackPointer || cfa.register === framePointer;
  const fits = Number.isInteger(words) && words >= 0 && words <= CFA_WORDS_MAX;
  if (!based || !fits || place === undefined) return only(RULE_KIND.user);
  const kind = cfa.register === stackPointer ? RULE_KIND.stack : RULE_KIND.frame;
  return (
    BigInt(kind) |
    (BigInt(words) << 3n) |
    (BigInt(framePlace(row.registers.get(framePointer))) << 16n) |
    (BigInt(place) << 32n)
  );
}
