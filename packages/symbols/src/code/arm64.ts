/**
 * AArch64 instructions, by their fixed-width encodings (Arm ARM DDI 0487, C4.1). What a reader
 * would get wrong: the kernel refuses to probe loads from a literal and exclusive loads and
 * stores, and simulates only branches and pc-relative addresses
 * (arch/arm64/kernel/probes/decode-insn.c).
 */
import { viewOf } from '../elf/index.js';
import type { Instruction, InstructionKind, InstructionReader } from './instruction.js';

interface Pattern {
  readonly mask: number;
  readonly value: number;
  readonly kind: InstructionKind;
  readonly emulated: boolean;
  readonly mnemonic: string;
  readonly refusal?: string;
}

const pattern = (
  mnemonic: string,
  mask: number,
  value: number,
  kind: InstructionKind,
  emulated: boolean,
  refusal?: string,
): Pattern => ({ mnemonic, mask, value, kind, emulated, ...(refusal && { refusal }) });

/** First match wins. The mnemonics are for reports; operands are printed only where known. */
const PATTERNS: readonly Pattern[] = [
  pattern('ret', 0xfffffc1f, 0xd65f0000, 'return', true),
  pattern('retaa', 0xfffffbff, 0xd65f0bff, 'return', false, 'authenticated return'),
  pattern('bl', 0xfc000000, 0x94000000, 'call', true),
  pattern('blr', 0xfffffc1f, 0xd63f0000, 'call', true),
  pattern('b', 0xfc000000, 0x14000000, 'jump', true),
  pattern('br', 0xfffffc1f, 0xd61f0000, 'jump', true),
  pattern('b.cond', 0xff000010, 0x54000000, 'branch', true),
  pattern('cbz', 0x7f000000, 0x34000000, 'branch', true),
  pattern('cbnz', 0x7f000000, 0x35000000, 'branch', true),
  pattern('tbz', 0x7f000000, 0x36000000, 'branch', true),
  pattern('tbnz', 0x7f000000, 0x37000000, 'branch', true),
  pattern('adr', 0x9f000000, 0x10000000, 'other', true),
  pattern('adrp', 0x9f000000, 0x90000000, 'other', true),
  // Simulated since 6.13 only; on older kernels a nop is stepped, so that is what is claimed.
  pattern('nop', 0xffffffff, 0xd503201f, 'nop', false),
  pattern('bti', 0xffffff3f, 0xd503241f, 'other', false),
  pattern('hint', 0xfffff01f, 0xd503201f, 'other', false),
  pattern('mrs', 0xfff00000, 0xd5300000, 'other', false),
  pattern('system', 0xffc00000, 0xd5000000, 'other', false, 'system instruction'),
  pattern('exception', 0xff000000, 0xd4000000, 'other', false, 'exception instruction'),
  pattern('ldr literal', 0x3b000000, 0x18000000, 'other', false, 'load from a literal'),
  pattern('exclusive', 0x3f400000, 0x08400000, 'other', false, 'exclusive load'),
  pattern('exclusive', 0x3f400000, 0x08000000, 'other', false, 'exclusive store'),
  pattern('stp', 0x7e400000, 0x28000000, 'other', false),
  pattern('ldp', 0x7e400000, 0x28400000, 'other', false),
  pattern('str', 0xbfe00000, 0xb8000000, 'other', false),
  pattern('sub', 0x7f000000, 0x51000000, 'other', false),
];

const CONDITIONS = 'eq ne hs lo mi pl vs vc hi ls ge lt gt le al nv'.split(' ');
const CONDITION_LS = 9;
const REGISTER_SP = 31;

/** Sign-extends the low `bits` of a value. */
const signed = (value: number, bits: number): number => (value << (32 - bits)) >> (32 - bits);

function branchTarget(word: number, address: number, mnemonic: string): number | undefined {
  switch (mnemonic) {
    case 'b':
    case 'bl':
      return address + signed(word, 26) * 4;
    case 'b.cond':
    case 'cbz':
    case 'cbnz':
      return address + signed(word >>> 5, 19) * 4;
    case 'tbz':
    case 'tbnz':
      return address + signed(word >>> 5, 14) * 4;
    default:
      return undefined;
  }
}

/** Constants and page addresses per register, over a run of straight code. */
class RegisterState {
  readonly #pages = new Map<number, number>();
  readonly #constants = new Map<number, number>();

  /** What this word lets us know about a register, if anything. */
  facts(word: number, address: number): Partial<Instruction> {
    const rd = word & 31;
    const rn = (word >>> 5) & 31;
    if ((word & 0x9f000000) >>> 0 === 0x90000000) {
      const pages = signed(((word >>> 3) & 0x1ffffc) | ((word >>> 29) & 3), 21);
      this.#pages.set(rd, address - (address % 4096) + pages * 4096);
      return {};
    }
    // add xd, xn, #imm12 behind adrp xn: the address of a global.
    if ((word & 0xffc00000) >>> 0 === 0x91000000 && this.#pages.has(rn)) {
      const value = this.#pages.get(rn)! + ((word >>> 10) & 0xfff);
      if (rd !== rn) this.#pages.delete(rd);
      return { loadsAddress: { register: `x${rd}`, address: value } };
    }
    const move = word & 0xff800000;
    if (move >>> 0 === 0xd2800000 || move >>> 0 === 0xf2800000) {
      const shift = ((word >>> 21) & 3) * 16;
      const part = ((word >>> 5) & 0xffff) * 2 ** shift;
      // movz starts a constant; movk fills one quarter of the register that movz left zero.
      const before = move >>> 0 === 0xf2800000 ? (this.#constants.get(rd) ?? 0) : 0;
      this.#constants.set(rd, before + part);
      return { movesConstant: { register: `x${rd}`, value: before + part } };
    }
    // mov xd, #imm as orr xd, xzr, #bitmask is not decoded: no small offset needs it.
    return {};
  }
}

function decodeWord(word: number, address: number, state: RegisterState): Instruction {
  const match = PATTERNS.find(p => (word & p.mask) >>> 0 === p.value);
  const target = match && branchTarget(word, address, match.mnemonic);
  const rn = (word >>> 5) & 31;
  const rt = word & 31;
  return {
    address,
    length: 4,
    kind: match?.kind ?? 'other',
    costClass: match?.emulated === true ? 'emulated' : 'single-stepped',
    ...(match?.refusal !== undefined && { refusal: match.refusal }),
    ...(target !== undefined && { target }),
    ...(match?.mnemonic === 'b.cond' && (word & 15) === CONDITION_LS && { belowOrEqual: true }),
    ...(match?.mnemonic === 'bti' && { landingPad: true }),
    // ldr x16, [x28, #16]: g.stackguard0; #24: stackguard1, in functions of the system stack.
    ...((word === 0xf9400b90 || word === 0xf9400f90) && { readsStackGuard: true }),
    // ldr xt, [xn, xm] with xn just read from tpidr_el0: the register holds the TLS offset.
    ...((word & 0xffe0fc00) >>> 0 === 0xf8606800 &&
      rn !== REGISTER_SP &&
      rt === 28 && { readsThread: { register: `x${(word >>> 16) & 31}` } }),
    ...state.facts(word, address),
  };
}

/** The arm64 reader. A trailing part of a word is ignored. */
export const arm64Reader: InstructionReader = {
  arch: 'arm64',
  decode(code, address) {
    const view = viewOf(code);
    const state = new RegisterState();
    const instructions: Instruction[] = [];
    for (let at = 0; at + 4 <= code.byteLength; at += 4) {
      instructions.push(decodeWord(view.getUint32(at, true), address + at, state));
    }
    return instructions;
  },
  keepsCall(code) {
    if (code.byteLength < 4) return false;
    const word = viewOf(code).getUint32(0, true);
    const name = PATTERNS.find(p => (word & p.mask) >>> 0 === p.value)?.mnemonic;
    return name === 'bti' || name === 'nop';
  },
  describe(code, address) {
    if (code.byteLength < 4) return 'truncated instruction';
    const word = viewOf(code).getUint32(0, true);
    const match = PATTERNS.find(p => (word & p.mask) >>> 0 === p.value);
    const raw = word.toString(16).padStart(8, '0');
    if (match === undefined) return `.inst 0x${raw}`;
    const name = match.mnemonic === 'b.cond' ? `b.${CONDITIONS[word & 15]}` : match.mnemonic;
    const target = branchTarget(word, address, match.mnemonic);
    if (target !== undefined) return `${name} 0x${target.toString(16)}`;
    if (match.mnemonic === 'blr' || match.mnemonic === 'br') return `${name} x${(word >>> 5) & 31}`;
    return match.kind === 'return' || match.kind === 'nop' ? name : `${name} (0x${raw})`;
  },
};
