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

/** Loads and stores of one register with an unsigned, scaled offset: opcode bits and bytes. */
const SCALED_ACCESSES: readonly (readonly [value: number, bytes: number, store: boolean])[] = [
  [0xf9400000, 8, false],
  [0xb9400000, 4, false],
  [0x39400000, 1, false],
  [0xf9000000, 8, true],
  [0xb9000000, 4, true],
  [0x39000000, 1, true],
];
/** ldar xt, [xn]; ldar wt, [xn]; ldp xt, xt2, [xn]: loads without an offset that is read here. */
const PLAIN_LOADS: readonly (readonly [mask: number, value: number, bytes: number])[] = [
  [0xfffffc00, 0xc8dffc00, 8],
  [0xfffffc00, 0x88dffc00, 4],
  [0xffff8000, 0xa9400000, 16],
];

type Facts = Partial<Instruction>;

/** Constants and addresses per register, over a run of straight code. */
class RegisterState {
  readonly #pages = new Map<number, number>();
  readonly #addresses = new Map<number, number>();
  readonly #constants = new Map<number, number>();
  /** Registers that hold the thread pointer: 'self', or plus a register's value. */
  readonly #threads = new Map<number, 'self' | number>();

  /** What this word lets us know about a register or a global, if anything. */
  facts(word: number, address: number): Facts {
    const rd = word & 31;
    const rn = (word >>> 5) & 31;
    const base = this.#addresses.get(rn) ?? this.#pages.get(rn);
    const changed = writesRegister(word) ? { setsRegister: `x${rd}` } : {};
    const memory = { ...changed, ...memoryFacts(word, base) };
    const page = (word & 0x9f000000) >>> 0 === 0x90000000;
    // add xd, xn, #imm12 behind adrp xn: the address of a global.
    const adds = (word & 0xffc00000) >>> 0 === 0x91000000 && this.#pages.has(rn);
    const move = (word & 0xff800000) >>> 0;
    // movz starts a constant; movk fills one quarter of the register that movz left zero.
    const before = move === 0xf2800000 ? (this.#constants.get(rd) ?? 0) : 0;
    const global = adds ? this.#pages.get(rn)! + ((word >>> 10) & 0xfff) : 0;
    const thread = this.#threadFacts(word);
    if (writesRegister(word)) this.#forget(rd);
    if (thread.holds !== undefined) this.#threads.set(rd, thread.holds);
    if (thread.reads !== undefined) return { ...changed, readsThread: thread.reads };
    if (page) {
      const pages = signed(((word >>> 3) & 0x1ffffc) | ((word >>> 29) & 3), 21);
      this.#pages.set(rd, address - (address % 4096) + pages * 4096);
      return changed;
    }
    if (adds) {
      this.#addresses.set(rd, global);
      return { ...changed, loadsAddress: { register: `x${rd}`, address: global } };
    }
    if (move === 0xd2800000 || move === 0xf2800000) {
      const value = before + ((word >>> 5) & 0xffff) * 2 ** (((word >>> 21) & 3) * 16);
      this.#constants.set(rd, value);
      return { ...changed, movesConstant: { register: `x${rd}`, value } };
    }
    // mov xd, #imm as orr xd, xzr, #bitmask is not decoded: no small offset needs it.
    return memory;
  }

  /**
   * How load_g reaches g: since Go 1.16 by ldr x28, [x0, x27], before by an addition and a load
   * without an offset; x0 was read from tpidr_el0, and x27 holds the offset.
   */
  #threadFacts(word: number): {
    holds?: 'self' | number;
    reads?: NonNullable<Instruction['readsThread']>;
  } {
    const rn = (word >>> 5) & 31;
    const rm = (word >>> 16) & 31;
    if ((word & 0xffffffe0) >>> 0 === 0xd53bd040) return { holds: 'self' };
    const from = this.#threads.get(rn);
    if ((word & 0xffe0fc00) >>> 0 === 0x8b000000 && from === 'self') return { holds: rm };
    const loadsG = (word & 31) === 28;
    if ((word & 0xfffffc00) >>> 0 === 0xf9400000 && typeof from === 'number' && loadsG) {
      return { reads: { register: `x${from}` } };
    }
    if ((word & 0xffe0fc00) >>> 0 === 0xf8606800 && rn !== REGISTER_SP && loadsG) {
      return { reads: { register: `x${rm}` } };
    }
    return {};
  }

  #forget(register: number): void {
    this.#threads.delete(register);
    this.#pages.delete(register);
    this.#addresses.delete(register);
    this.#constants.delete(register);
  }
}

/** Whether the low five bits of a word name a register that it changes; stores and branches not. */
function writesRegister(word: number): boolean {
  const group = (word >>> 25) & 15;
  if ((group & 0b0101) === 0b0100) return ((word >>> 22) & 1) === 1; // loads and stores: L
  return (group & 0b1110) !== 0b1010;
}

/** What a load or a store tells, whose base register holds `base` or something unknown. */
function memoryFacts(word: number, base: number | undefined): Facts {
  const rn = (word >>> 5) & 31;
  for (const [value, bytes, store] of SCALED_ACCESSES) {
    if ((word & 0xffc00000) >>> 0 !== value) continue;
    const offset = ((word >>> 10) & 0xfff) * bytes;
    if (store && rn === REGISTER_SP && bytes === 8 && offset >= 8) {
      // The callee finds its arguments above the word in which it saves the link register.
      return { storesArgument: { register: `x${word & 31}`, word: offset / 8 - 1 } };
    }
    if (rn === REGISTER_SP && !store && bytes === 8) {
      return { loadsStack: { register: `x${word & 31}`, offset } };
    }
    if (base === undefined || rn === REGISTER_SP) return {};
    const access = { address: base + offset, bytes };
    return store ? { writesGlobal: access } : { readsGlobal: access };
  }
  const plain = PLAIN_LOADS.find(([mask, value]) => (word & mask) >>> 0 === value);
  if (plain === undefined || base === undefined || rn === REGISTER_SP) return {};
  return { readsGlobal: { address: base, bytes: plain[2] } };
}

function decodeWord(word: number, address: number, state: RegisterState): Instruction {
  const match = PATTERNS.find(p => (word & p.mask) >>> 0 === p.value);
  const target = match && branchTarget(word, address, match.mnemonic);
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
