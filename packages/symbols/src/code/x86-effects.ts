/**
 * Effects of x86-64 instructions. What a reader would get wrong: 32-bit writes clear the upper
 * half, so they count as writes of the whole register; 8 and 16-bit ones do so here too, because
 * Go reads back no more than it wrote.
 */
import type * as Iced from 'iced-x86';
import type { Effect, EffectReader, InstructionEffects, MemoryPlace } from './effects.js';
import { type Library, loadIced } from './iced.js';

const NAMES = 'rax rcx rdx rbx sp rbp rsi rdi r8 r9 r10 r11 r12 r13 r14 r15'.split(' ');

interface Decoded {
  readonly lib: Library;
  readonly raw: Iced.Instruction;
}

function registerName({ lib }: Decoded, register: number): string | undefined {
  const { Register, RegisterExt } = lib;
  if (register === Register.None) return undefined;
  return NAMES[RegisterExt.fullRegister(register) - Register.RAX];
}

/** The memory operand; undefined where it has an index or a segment. */
function placeOf(at: Decoded): MemoryPlace | undefined {
  const { lib, raw } = at;
  const { Register } = lib;
  const bytes = lib.MemorySizeExt.size(raw.memorySize);
  if (raw.isIpRelMemoryOperand) {
    return { base: undefined, displacement: Number(raw.ipRelMemoryAddress), bytes };
  }
  if (raw.memoryIndex !== Register.None || raw.segmentPrefix !== Register.None) return undefined;
  const displacement = Number(BigInt.asIntN(64, raw.memoryDisplacement));
  return { base: registerName(at, raw.memoryBase), displacement, bytes };
}

/** Registers that an instruction changes besides its first operand. */
function hiddenWrites({ lib, raw }: Decoded): string[] {
  const { Mnemonic: M } = lib;
  switch (raw.mnemonic) {
    case M.Mul:
    case M.Div:
    case M.Idiv:
    case M.Cpuid:
    case M.Rdtsc:
    case M.Syscall:
      return ['rax', 'rdx', 'rcx', 'rbx', 'r11'];
    case M.Imul:
      return raw.opCount === 1 ? ['rax', 'rdx'] : [];
    case M.Cqo:
    case M.Cdq:
      return ['rdx'];
    case M.Cmpxchg:
      return ['rax'];
    default:
      return raw.hasRepPrefix || raw.hasRepnePrefix ? ['rcx', 'rsi', 'rdi'] : [];
  }
}

function immediateOf({ lib, raw }: Decoded, operand: number): number | undefined {
  const { OpKind } = lib;
  const kind = raw.opKind(operand);
  const immediate = kind >= OpKind.Immediate8 && kind <= OpKind.Immediate32to64;
  return immediate ? Number(BigInt.asIntN(64, raw.immediate(operand))) : undefined;
}

/** Effects of an instruction whose first operand is in memory. */
function onMemory(at: Decoded): Effect[] {
  const { lib, raw } = at;
  const { Mnemonic: M, OpKind } = lib;
  const place = placeOf(at);
  const second = raw.opCount > 1 && raw.op1Kind === OpKind.Register;
  const register = second ? registerName(at, raw.op1Register) : undefined;
  const reads: number[] = [M.Cmp, M.Test, M.Bt];
  const hidden: Effect[] = hiddenWrites(at).map(to => ({ op: 'forget', to }));
  if (place === undefined) {
    return raw.mnemonic === M.Xadd && register ? [{ op: 'forget', to: register }] : hidden;
  }
  if (reads.includes(raw.mnemonic)) return [{ op: 'load', to: undefined, place }];
  const from = register ?? (raw.opCount > 1 ? immediateOf(at, 1) : undefined);
  const exchanges = raw.mnemonic === M.Xchg || raw.mnemonic === M.Xadd;
  const plain = raw.mnemonic === M.Mov || raw.mnemonic === M.Xchg;
  const moves = plain || (second && register === undefined);
  const atomic = raw.hasLockPrefix || exchanges;
  const added = raw.mnemonic === M.Xadd || raw.mnemonic === M.Add;
  const value = plain || added ? from : undefined;
  const effects: Effect[] = [{ op: 'store', from: value, place, atomic, updates: !moves }];
  if (exchanges && register !== undefined) effects.push({ op: 'forget', to: register });
  return [...effects, ...hidden];
}

/** Effects of an instruction whose first operand is a register. */
function onRegister(at: Decoded, to: string): Effect[] {
  const { lib, raw } = at;
  const { Mnemonic: M, OpKind, Register } = lib;
  const memory = raw.opCount > 1 && raw.op1Kind === OpKind.Memory;
  const loads: number[] = [M.Mov, M.Movzx, M.Movsx, M.Movsxd];
  if (memory && raw.mnemonic !== M.Lea) {
    if (raw.segmentPrefix === Register.FS) return [{ op: 'thread', to }];
    const place = placeOf(at);
    const target = raw.mnemonic === M.Cmp || raw.mnemonic === M.Test ? undefined : to;
    if (place === undefined) return target === undefined ? [] : [{ op: 'forget', to: target }];
    if (loads.includes(raw.mnemonic)) return [{ op: 'load', to, place }];
    const read: Effect = { op: 'load', to: undefined, place };
    return target === undefined ? [read] : [read, { op: 'forget', to }];
  }
  const from = raw.opCount > 1 ? registerName(at, raw.op1Register) : undefined;
  const value = raw.opCount > 1 && from === undefined ? immediateOf(at, 1) : undefined;
  switch (raw.mnemonic) {
    case M.Lea: {
      const place = placeOf(at);
      if (place === undefined) return [{ op: 'forget', to }];
      if (place.base === undefined) return [{ op: 'constant', to, value: place.displacement }];
      return [{ op: 'add', to, from: place.base, value: place.displacement }];
    }
    case M.Mov:
    case M.Movzx:
    case M.Movsx:
    case M.Movsxd:
      if (from !== undefined) return [{ op: 'copy', to, from }];
      return value === undefined ? [{ op: 'forget', to }] : [{ op: 'constant', to, value }];
    case M.Xor:
      return [from === to ? { op: 'constant', to, value: 0 } : { op: 'forget', to }];
    case M.Add:
    case M.Sub:
      if (value === undefined) return [{ op: 'forget', to }];
      return [{ op: 'add', to, from: to, value: raw.mnemonic === M.Add ? value : -value }];
    case M.Shl:
      return [
        value === undefined ? { op: 'forget', to } : { op: 'shift', to, from: to, left: value },
      ];
    case M.Cmp:
    case M.Test:
    case M.Bt:
      return [];
    default:
      return [to, ...hiddenWrites(at)].map(name => ({ op: 'forget', to: name }));
  }
}

const STACK: MemoryPlace = { base: 'sp', displacement: 0, bytes: 8 };

function effectsOf(at: Decoded): Effect[] {
  const { lib, raw } = at;
  const { FlowControl: F, Mnemonic: M, OpKind } = lib;
  const near = raw.op0Kind === OpKind.NearBranch64;
  const target = near ? Number(raw.nearBranchTarget) : undefined;
  switch (raw.flowControl) {
    case F.Call:
    case F.IndirectCall:
      return [{ op: 'call', target }];
    case F.UnconditionalBranch:
    case F.IndirectBranch:
    case F.Return:
      return [{ op: 'jump', target, always: true }];
    case F.ConditionalBranch:
      return [{ op: 'jump', target, always: false }];
    default:
  }
  const to = raw.op0Kind === OpKind.Register ? registerName(at, raw.op0Register) : undefined;
  if (raw.mnemonic === M.Push) {
    const down: Effect = { op: 'add', to: 'sp', from: 'sp', value: -8 };
    return [down, { op: 'store', from: to, place: STACK, atomic: false, updates: false }];
  }
  if (raw.mnemonic === M.Pop && to !== undefined) {
    return [
      { op: 'load', to, place: STACK },
      { op: 'add', to: 'sp', from: 'sp', value: 8 },
    ];
  }
  if (raw.mnemonic === M.Nop) return [];
  if (raw.opCount > 0 && raw.op0Kind === OpKind.Memory) return onMemory(at);
  return to === undefined
    ? hiddenWrites(at).map(name => ({ op: 'forget', to: name }))
    : onRegister(at, to);
}

/** Loads iced-x86 and returns the reader. */
export function openX86Effects(): EffectReader {
  const lib = loadIced();
  return {
    arch: 'x86_64',
    effects(code, address) {
      const decoder = new lib.Decoder(64, code, lib.DecoderOptions.None);
      const raw = new lib.Instruction();
      try {
        decoder.ip = BigInt(address);
        const out: InstructionEffects[] = [];
        while (decoder.canDecode) {
          decoder.decodeOut(raw);
          out.push({ address: Number(raw.ip), effects: effectsOf({ lib, raw }) });
        }
        return out;
      } finally {
        raw.free();
        decoder.free();
      }
    },
  };
}
