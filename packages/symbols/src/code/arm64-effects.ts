/**
 * Effects of AArch64 instructions (Arm ARM DDI 0487, C4.1). What a reader would get wrong:
 * register 31 is the stack pointer in addresses and in additions of constants, and zero elsewhere.
 */
import { viewOf } from '../elf/index.js';
import type { Effect, EffectReader, MemoryPlace } from './effects.js';

const signed = (value: number, bits: number): number => (value << (32 - bits)) >> (32 - bits);
const register = (n: number): string => `x${n}`;
const orStack = (n: number): string => (n === 31 ? 'sp' : `x${n}`);
const masked = (word: number, mask: number): number => (word & mask) >>> 0;

interface Transfer {
  readonly load: boolean;
  readonly registers: readonly number[];
  readonly base: number;
  readonly displacement: number;
  readonly bytes: number;
  readonly atomic: boolean;
  /** Written to the base before (`pre`) or after (`post`) the access. */
  readonly index?: { readonly when: 'pre' | 'post'; readonly by: number };
}

function moves({ load, registers, base, displacement, bytes, atomic, index }: Transfer): Effect[] {
  const effects: Effect[] = [];
  const to = orStack(base);
  if (index?.when === 'pre') effects.push({ op: 'add', to, from: to, value: index.by });
  for (const [i, n] of registers.entries()) {
    const place: MemoryPlace = { base: to, displacement: displacement + i * bytes, bytes };
    if (load) effects.push({ op: 'load', to: n === 31 ? undefined : register(n), place });
    else {
      const from = n === 31 ? 0 : register(n);
      effects.push({ op: 'store', from, place, atomic, updates: false });
    }
  }
  if (index?.when === 'post') effects.push({ op: 'add', to, from: to, value: index.by });
  return effects;
}

/** Loads and stores; undefined where the word is none that is followed. */
function transferOf(word: number): Effect[] | undefined {
  const rt = word & 31;
  const base = (word >>> 5) & 31;
  const bytes = 1 << (word >>> 30);
  const load = ((word >>> 22) & 3) !== 0;
  // ldr, str (unsigned immediate), general registers
  if (masked(word, 0x3f000000) === 0x39000000) {
    const displacement = ((word >>> 10) & 0xfff) * bytes;
    return moves({ load, registers: [rt], base, displacement, bytes, atomic: false });
  }
  // ldur, stur, and those with an index
  if (masked(word, 0x3f200000) === 0x38000000) {
    const by = signed(word >>> 12, 9);
    const mode = (word >>> 10) & 3;
    if (mode === 2) return undefined;
    const at = { load, registers: [rt], base, bytes, atomic: false };
    if (mode === 0) return moves({ ...at, displacement: by });
    return moves({ ...at, displacement: 0, index: { when: mode === 3 ? 'pre' : 'post', by } });
  }
  // ldp, stp of general registers
  if (masked(word, 0x3a000000) === 0x28000000 && masked(word, 0x04000000) === 0) {
    const size = word >>> 31 === 1 ? 8 : 4;
    const by = signed(word >>> 15, 7) * size;
    const mode = (word >>> 23) & 3;
    const isLoad = (word & 0x00400000) !== 0;
    const registers = [rt, (word >>> 10) & 31];
    const at = { load: isLoad, registers, base, bytes: size, atomic: false };
    if (mode === 2 || mode === 0) return moves({ ...at, displacement: by });
    return moves({ ...at, displacement: 0, index: { when: mode === 3 ? 'pre' : 'post', by } });
  }
  return atomicOf(word, rt, base, bytes);
}

/** Ordered and exclusive accesses, and the atomic instructions of ARMv8.1. */
function atomicOf(word: number, rt: number, base: number, bytes: number): Effect[] | undefined {
  const place: MemoryPlace = { base: orStack(base), displacement: 0, bytes };
  const rs = (word >>> 16) & 31;
  // ldar, stlr, ldaxr, stlxr: o2 (bit 23) tells ordered ones from exclusive ones.
  if (masked(word, 0x3f000000) === 0x08000000 && masked(word, 0x00200000) === 0) {
    const ordered = masked(word, 0x00800000) !== 0;
    if (masked(word, 0x00400000) !== 0) return [{ op: 'load', to: register(rt), place }];
    const store: Effect = {
      op: 'store',
      from: rt === 31 ? 0 : register(rt),
      place,
      atomic: true,
      updates: !ordered,
    };
    return ordered ? [store] : [store, { op: 'forget', to: register(rs) }];
  }
  // ldadd, swp and their kin; cas
  const atomic = masked(word, 0x3f200c00) === 0x38200000;
  const compare = masked(word, 0x3fa07c00) === 0x08a07c00;
  if (!atomic && !compare) return undefined;
  const add = atomic && masked(word, 0x0000f000) === 0;
  const swap = atomic && masked(word, 0x0000f000) === 0x8000;
  const from = add || swap ? (rs === 31 ? 0 : register(rs)) : undefined;
  const store: Effect = { op: 'store', from, place, atomic: true, updates: !swap };
  return [store, { op: 'forget', to: register(compare ? rs : rt) }];
}

/** Computations on registers. */
function computeOf(word: number, address: number): Effect[] {
  const rd = word & 31;
  const rn = (word >>> 5) & 31;
  const to = register(rd);
  // add, sub (immediate) without flags
  if (masked(word, 0x3f800000) === 0x11000000) {
    const raw = ((word >>> 10) & 0xfff) * (masked(word, 0x00400000) === 0 ? 1 : 4096);
    const value = masked(word, 0x40000000) === 0 ? raw : -raw;
    return [{ op: 'add', to: orStack(rd), from: orStack(rn), value }];
  }
  if (masked(word, 0x9f000000) === 0x90000000) {
    const pages = signed(((word >>> 3) & 0x1ffffc) | ((word >>> 29) & 3), 21);
    return [{ op: 'constant', to, value: address - (address % 4096) + pages * 4096 }];
  }
  // movz; movk changes only a quarter
  if (masked(word, 0x7f800000) === 0x52800000) {
    const value = ((word >>> 5) & 0xffff) * 2 ** (((word >>> 21) & 3) * 16);
    return [{ op: 'constant', to, value }];
  }
  if (masked(word, 0x7f800000) === 0x72800000) {
    const value = ((word >>> 5) & 0xffff) * 2 ** (((word >>> 21) & 3) * 16);
    return [{ op: 'add', to, from: to, value }];
  }
  // mov (register), and mov of the constant 1 as orr with a bitmask
  if (masked(word, 0x7fe0ffe0) === 0x2a0003e0) {
    const rm = (word >>> 16) & 31;
    return [rm === 31 ? { op: 'constant', to, value: 0 } : { op: 'copy', to, from: register(rm) }];
  }
  const one = masked(word, 0x7fffffe0) === 0x320003e0 || masked(word, 0xffffffe0) === 0xb24003e0;
  if (one) return [{ op: 'constant', to, value: 1 }];
  // add (shifted register) by nothing: how a large displacement is added
  if (masked(word, 0xffe0fc00) === 0x8b000000) {
    return [{ op: 'sum', to, from: [register(rn), register((word >>> 16) & 31)] }];
  }
  // lsl #n is ubfm with imms + 1 = 64 - n; uxtb, uxth and uxtw copy what Go reads of a register
  if (masked(word, 0xffc00000) === 0xd3400000) {
    const immr = (word >>> 16) & 63;
    const imms = (word >>> 10) & 63;
    if (imms + 1 === immr) return [{ op: 'shift', to, from: register(rn), left: 63 - imms }];
    if (immr === 0 && (imms === 7 || imms === 15 || imms === 31)) {
      return [{ op: 'copy', to, from: register(rn) }];
    }
  }
  // Whatever else: compares write register 31, branches and stores are handled before.
  return rd === 31 ? [] : [{ op: 'forget', to }];
}

function effectsOf(word: number, address: number): Effect[] {
  const opcode = masked(word, 0xfc000000);
  if (opcode === 0x94000000) return [{ op: 'call', target: address + signed(word, 26) * 4 }];
  if (opcode === 0x14000000) {
    return [{ op: 'jump', target: address + signed(word, 26) * 4, always: true }];
  }
  const near = masked(word, 0x7e000000) === 0x34000000 || masked(word, 0xfe000000) === 0x54000000;
  if (near) return [{ op: 'jump', target: address + signed(word >>> 5, 19) * 4, always: false }];
  if (masked(word, 0x7e000000) === 0x36000000) {
    return [{ op: 'jump', target: address + signed(word >>> 5, 14) * 4, always: false }];
  }
  if (masked(word, 0xfffffc1f) === 0xd63f0000) return [{ op: 'call', target: undefined }];
  if (masked(word, 0xff9ffc1f) === 0xd61f0000) {
    return [{ op: 'jump', target: undefined, always: true }];
  }
  // mrs changes a register; other system instructions and all of SIMD and floats none of these.
  if (masked(word, 0xfff00000) === 0xd5300000) return [{ op: 'forget', to: register(word & 31) }];
  if (masked(word, 0xffc00000) === 0xd5000000) return [];
  const transfer = transferOf(word);
  if (transfer !== undefined) return transfer;
  if (masked(word, 0x0a000000) === 0x08000000) {
    const load = masked(word, 0x00c00000) !== 0 && masked(word, 0x04000000) === 0;
    return load ? [{ op: 'forget', to: register(word & 31) }] : [];
  }
  return computeOf(word, address);
}

/** The reader; a trailing part of a word is ignored. */
export const arm64Effects: EffectReader = {
  arch: 'arm64',
  effects(code, address) {
    const view = viewOf(code);
    return Array.from({ length: Math.floor(code.byteLength / 4) }, (_, i) => {
      const at = address + i * 4;
      return { address: at, effects: effectsOf(view.getUint32(i * 4, true), at) };
    });
  },
};
