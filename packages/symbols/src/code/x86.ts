/**
 * x86-64 instructions, decoded by iced-x86, which is loaded when first needed: it costs a WASM
 * module. What a reader would get wrong: the kernel emulates by opcode byte, so the same mnemonic
 * can fall in either class (arch/x86/kernel/uprobes.c, branch_setup_ops and push_setup_ops).
 */
import type * as Iced from 'iced-x86';
import { type Library, loadIced } from './iced.js';
import type { CostClass, Instruction, InstructionKind, InstructionReader } from './instruction.js';

const GENERAL_REGISTERS = 'rax rcx rdx rbx rsp rbp rsi rdi r8 r9 r10 r11 r12 r13 r14 r15'.split(
  ' ',
);

/** Cost class by the raw bytes, as the kernel's two emulations read them. */
function costClassOf(bytes: Uint8Array): CostClass {
  const first = bytes[0]!;
  const push = bytes.length === 1 && first >= 0x50 && first <= 0x57;
  const pushHigh = bytes.length === 2 && first === 0x41 && bytes[1]! >= 0x50 && bytes[1]! <= 0x57;
  const jump = first === 0xeb || first === 0xe9 || first === 0xe8;
  const branch =
    (first >= 0x70 && first <= 0x7f) || (first === 0x0f && (bytes[1]! & 0xf0) === 0x80);
  const nop = first === 0x90 || (first === 0x66 && bytes[1] === 0x90 && bytes.length === 2);
  return push || pushHigh || jump || branch || nop ? 'emulated' : 'single-stepped';
}

/** Why the kernel refuses this instruction (is_prefix_bad and the good_insns tables). */
function refusalOf(
  lib: Library,
  instruction: Iced.Instruction,
  bytes: Uint8Array,
): string | undefined {
  if (instruction.isInvalid) return 'invalid instruction';
  if (bytes[0] === 0xcc) return 'int3: a breakpoint is already there';
  if (instruction.hasLockPrefix) return 'lock prefix';
  if (instruction.isPrivileged) return 'privileged instruction';
  const { CS, DS, ES, SS } = lib.Register;
  if ([CS, DS, ES, SS].includes(instruction.segmentPrefix)) return 'segment prefix';
  return instruction.encoding === lib.EncodingKind.Legacy ? undefined : 'VEX or EVEX encoding';
}

function kindOf(lib: Library, instruction: Iced.Instruction): InstructionKind {
  const { FlowControl, Mnemonic } = lib;
  switch (instruction.flowControl) {
    case FlowControl.Return:
      return 'return';
    case FlowControl.Call:
    case FlowControl.IndirectCall:
      return 'call';
    case FlowControl.UnconditionalBranch:
    case FlowControl.IndirectBranch:
      return 'jump';
    case FlowControl.ConditionalBranch:
      return 'branch';
    default:
      if (instruction.mnemonic === Mnemonic.Push) return 'push';
      return instruction.mnemonic === Mnemonic.Nop ? 'nop' : 'other';
  }
}

type Facts = Partial<Instruction>;

/** Facts of a `mov` or a comparison with memory that is named by its address alone. */
function globalFacts(lib: Library, instruction: Iced.Instruction): Facts {
  const { MemorySizeExt, Mnemonic, OpKind } = lib;
  const address = Number(instruction.ipRelMemoryAddress);
  const bytes = MemorySizeExt.size(instruction.memorySize);
  const general = GENERAL_MOVES.map(name => Mnemonic[name]) as number[];
  if (instruction.mnemonic === Mnemonic.Lea) return {};
  if (instruction.op0Kind !== OpKind.Memory || instruction.mnemonic === Mnemonic.Cmp) {
    return general.includes(instruction.mnemonic) ? { readsGlobal: { address, bytes } } : {};
  }
  return instruction.mnemonic === Mnemonic.Mov ? { writesGlobal: { address, bytes } } : {};
}

const GENERAL_MOVES = ['Mov', 'Movzx', 'Movsxd', 'Cmp'] as const;
const WORD_BYTES = 8;

/** What is known of an instruction with a memory operand that is not an address of a global. */
function memoryFacts(lib: Library, instruction: Iced.Instruction): Facts {
  const { Code, Mnemonic, Register } = lib;
  const name = (register: number): string => GENERAL_REGISTERS[register - Register.RAX] ?? '';
  const displacement = Number(BigInt.asIntN(64, instruction.memoryDisplacement));
  const { memoryBase } = instruction;
  if (instruction.mnemonic === Mnemonic.Cmp) {
    if (memoryBase !== Register.R14) return {};
    // g.stackguard0, or stackguard1 in functions that only run on the system stack.
    return displacement === 16 || displacement === 24 ? { readsStackGuard: true } : {};
  }
  if (instruction.mnemonic === Mnemonic.Lea) {
    const frame = instruction.op0Register === Register.RBP && memoryBase === Register.RSP;
    return frame ? { setsFrame: displacement } : {};
  }
  if (instruction.code === Code.Mov_rm64_r64 && memoryBase === Register.RSP) {
    if (instruction.memoryIndex !== Register.None || displacement % WORD_BYTES !== 0) return {};
    const register = name(instruction.op1Register);
    return { storesArgument: { register, word: displacement / WORD_BYTES } };
  }
  if (instruction.code !== Code.Mov_r64_rm64) return {};
  if (memoryBase === Register.RSP && instruction.memoryIndex === Register.None) {
    return { loadsStack: { register: name(instruction.op0Register), offset: displacement } };
  }
  if (instruction.segmentPrefix !== Register.FS) return {};
  if (memoryBase === Register.None) return { readsThread: { offset: displacement } };
  return { readsThread: { register: name(memoryBase) } };
}

/** Facts about addresses, constants and thread-local reads. */
function factsOf(lib: Library, instruction: Iced.Instruction): Facts {
  const { Code, Mnemonic, OpKind, Register } = lib;
  const name = (register: number): string => GENERAL_REGISTERS[register - Register.RAX] ?? '';
  if (instruction.mnemonic === Mnemonic.Endbr64) return { landingPad: true };
  if (instruction.mnemonic === Mnemonic.Jbe) return { belowOrEqual: true };
  if (instruction.mnemonic === Mnemonic.Lea && instruction.isIpRelMemoryOperand) {
    const address = Number(instruction.ipRelMemoryAddress);
    return { loadsAddress: { register: name(instruction.op0Register), address } };
  }
  if (instruction.code === Code.Mov_rm64_imm32) {
    if (instruction.op0Kind === OpKind.Register) {
      const value = Number(BigInt.asIntN(64, instruction.immediate(1)));
      return { movesConstant: { register: name(instruction.op0Register), value } };
    }
  }
  const memory = instruction.op0Kind === OpKind.Memory || instruction.op1Kind === OpKind.Memory;
  if (!memory) return {};
  return instruction.isIpRelMemoryOperand
    ? globalFacts(lib, instruction)
    : memoryFacts(lib, instruction);
}

/** The register that is an instruction's first operand, unless it is only read. */
function changedRegister(lib: Library, instruction: Iced.Instruction): Facts {
  const { Mnemonic, OpKind, Register, RegisterExt } = lib;
  const readers: number[] = [Mnemonic.Cmp, Mnemonic.Test, Mnemonic.Push, Mnemonic.Bt];
  if (instruction.op0Kind !== OpKind.Register || readers.includes(instruction.mnemonic)) return {};
  const full = RegisterExt.fullRegister(instruction.op0Register) - Register.RAX;
  const setsRegister = GENERAL_REGISTERS[full];
  return setsRegister === undefined ? {} : { setsRegister };
}

function toInstruction(lib: Library, raw: Iced.Instruction, bytes: Uint8Array): Instruction {
  const { OpKind } = lib;
  const refusal = refusalOf(lib, raw, bytes);
  const near = raw.op0Kind === OpKind.NearBranch64;
  return {
    address: Number(raw.ip),
    length: raw.length,
    kind: kindOf(lib, raw),
    costClass: costClassOf(bytes),
    ...(refusal !== undefined && { refusal }),
    ...(near && { target: Number(raw.nearBranchTarget) }),
    ...changedRegister(lib, raw),
    ...factsOf(lib, raw),
  };
}

/** Registers that hold arguments (SysV) or the stack's top; r10 and rax matter to some callees. */
const CALL_REGISTERS = 'rdi rsi rdx rcx r8 r9 rax r10 rsp'.split(' ');

function keepsCall(lib: Library, code: Uint8Array, address: number): boolean {
  const { FlowControl, OpAccess, Register, RegisterExt } = lib;
  const decoder = new lib.Decoder(64, code, lib.DecoderOptions.None);
  decoder.ip = BigInt(address);
  const raw = decoder.decode();
  const factory = new lib.InstructionInfoFactory();
  try {
    if (raw.isInvalid || raw.flowControl !== FlowControl.Next) return false;
    const info = factory.info(raw);
    const reads: number[] = [OpAccess.None, OpAccess.Read, OpAccess.CondRead, OpAccess.NoMemAccess];
    const written = info
      .usedRegisters()
      .filter(used => !reads.includes(used.access))
      .map(used => GENERAL_REGISTERS[RegisterExt.fullRegister(used.register) - Register.RAX]);
    info.free();
    return !written.some(name => name !== undefined && CALL_REGISTERS.includes(name));
  } finally {
    factory.free();
    raw.free();
    decoder.free();
  }
}

/** Loads iced-x86 and returns the reader. The first call costs some 15 ms. */
export function openX86Reader(): InstructionReader {
  const lib = loadIced();
  return {
    arch: 'x86_64',
    decode(code, address) {
      const decoder = new lib.Decoder(64, code, lib.DecoderOptions.None);
      const raw = new lib.Instruction();
      try {
        decoder.ip = BigInt(address);
        const instructions: Instruction[] = [];
        while (decoder.canDecode) {
          const at = decoder.position;
          decoder.decodeOut(raw);
          instructions.push(toInstruction(lib, raw, code.subarray(at, at + raw.length)));
        }
        return instructions;
      } finally {
        raw.free();
        decoder.free();
      }
    },
    keepsCall: (code, address) => keepsCall(lib, code, address),
    describe(code, address) {
      const decoder = new lib.Decoder(64, code, lib.DecoderOptions.None);
      const formatter = new lib.Formatter(lib.FormatterSyntax.Intel);
      decoder.ip = BigInt(address);
      const raw = decoder.decode();
      try {
        return raw.isInvalid ? 'invalid instruction' : formatter.format(raw);
      } finally {
        raw.free();
        formatter.free();
        decoder.free();
      }
    },
  };
}
