/**
 * What can be said of a stack without another unwinder: each of its return addresses follows a call
 * instruction in the file that it lies in, and the C part ends in Go code. What a reader would get
 * wrong: this reads the program's bytes and no unwind data, so that a rule that is wrong by a word
 * cannot agree with itself.
 */
import { createHash } from 'node:crypto';
import { basename } from 'node:path';
import type { Session } from '@sonde/core';
import { StackSymbolizer } from '@sonde/core/stacks';
import type { TracedEvent } from './traced.js';

/** An allocation and its stack. */
export interface Walked {
  readonly address: bigint;
  readonly tid: number;
  readonly sizeBytes: number;
  /** Name of the allocator function in the schema. */
  readonly allocator: string;
  /** Return addresses, innermost first: those of C, then those of Go. */
  readonly pcs: readonly bigint[];
  /** How many of them are C's. */
  readonly cCount: number;
  readonly truncated: string | undefined;
}

/** The longest form of an x86 call behind which a return address can lie. */
const X86_CALL_BYTES = 8;

/** Whether x86 code that ends at a return address ends with a call: E8 rel32, or FF /2. */
export function endsWithX86Call(code: Uint8Array): boolean {
  const end = code.byteLength;
  if (code[end - 5] === 0xe8) return true;
  // FF /2: two bytes, with SIB and displacement up to seven, one more with a REX prefix.
  return [2, 3, 4, 6, 7].some(length => {
    if (code[end - length] !== 0xff) return false;
    const modrm = code[end - length + 1] ?? 0;
    return ((modrm >> 3) & 7) === 2 && callLength(modrm) === length;
  });
}

/** Bytes of FF /2 with this ModRM byte (Intel SDM volume 2, table 2-2; a SIB's base is not 5). */
function callLength(modrm: number): number {
  const [mode, base] = [modrm >> 6, modrm & 7];
  if (mode === 3) return 2;
  const sib = base === 4 ? 1 : 0;
  if (mode === 0) return base === 5 ? 6 : 2 + sib;
  return 2 + sib + (mode === 1 ? 1 : 4);
}

/** Whether arm64 code that ends at a return address ends with BL or BLR (Arm ARM, C4.1.65). */
export function endsWithArm64Call(code: Uint8Array): boolean {
  const word = new DataView(code.buffer, code.byteOffset).getUint32(code.byteLength - 4, true);
  return word >>> 26 === 0x25 || (word & 0xfffffc1f) >>> 0 === 0xd63f0000;
}

/** Reads the stacks of a session's allocations and judges them. */
export class WalkJudge {
  readonly #session: Session;
  readonly #symbolizer: StackSymbolizer;
  readonly goText: readonly [start: bigint, end: bigint];
  readonly #calls = new Map<bigint, boolean>();

  constructor(session: Session) {
    this.#session = session;
    this.#symbolizer = new StackSymbolizer(session.process);
    const { goTextStart = 0, goTextEnd = 0 } = session.process.config();
    this.goText = [BigInt(goTextStart), BigInt(goTextEnd)];
  }

  /** The allocations among some events, each with its stack. */
  walked(events: readonly TracedEvent[]): Walked[] {
    return events.flatMap(({ name, fields }) => {
      if (name !== 'alloc' && name !== 'realloc') return [];
      const { pcs, truncated } = this.#session.readStack(fields['stack'] as bigint);
      const go = pcs.findIndex(pc => this.isGo(pc));
      const [address, tid] = [fields['address'] as bigint, Number(fields['tid'])];
      const allocator = String(fields['allocator']);
      const sizeBytes = Number(fields['sizeBytes']);
      const cCount = go < 0 ? pcs.length : go;
      return [{ address, tid, sizeBytes, allocator, pcs, cCount, truncated }];
    });
  }

  /** Whether an address lies in Go's text. */
  isGo(pc: bigint): boolean {
    return pc >= this.goText[0] && pc < this.goText[1];
  }

  /** The functions of a stack, innermost first. */
  functions({ pcs }: Walked): string[] {
    return this.#symbolizer.symbolize(pcs).map(frame => frame.function);
  }

  /** What is wrong with a stack of the program's own, in words; undefined for nothing. */
  fault(walked: Walked): string | undefined {
    const { pcs, cCount, truncated } = walked;
    const named = (): string => this.functions(walked).join(' < ');
    if (truncated !== undefined) return `${truncated}: ${named()}`;
    if (cCount === 0) return `no C frame: ${named()}`;
    if (cCount === pcs.length) return `it does not end in Go code: ${named()}`;
    const stray = pcs.slice(0, cCount).find(pc => !this.#followsCall(pc));
    if (stray !== undefined) return `0x${stray.toString(16)} follows no call: ${named()}`;
    return this.functions(walked).includes('main.main') ? undefined : `no main.main: ${named()}`;
  }

  /** A stack as files and addresses in them, which are the same in every run of a program. */
  signature({ pcs }: Walked): string {
    return placesOf(this.#session.process, pcs);
  }

  #followsCall(pc: bigint): boolean {
    let answer = this.#calls.get(pc);
    if (answer === undefined) {
      const module = this.#session.process.moduleAt(pc - 1n);
      const at = Number(pc - (module?.bias ?? 0n)) - X86_CALL_BYTES;
      const code = module?.elf?.readVirtual(at, X86_CALL_BYTES);
      const ends = process.arch === 'arm64' ? endsWithArm64Call : endsWithX86Call;
      answer = code !== undefined && ends(code);
      this.#calls.set(pc, answer);
    }
    return answer;
  }
}

/** Return addresses as the files that they lie in and the addresses there. */
export function placesOf(
  process: Pick<Session['process'], 'moduleAt'>,
  pcs: readonly bigint[],
): string {
  const places = pcs.map(pc => {
    const module = process.moduleAt(pc - 1n);
    if (module === undefined) return `0x${pc.toString(16)}`;
    return `${basename(module.path)}+0x${(pc - module.bias).toString(16)}`;
  });
  return places.join(' ');
}

/** One word for a set of stacks, whatever their order and however often each was seen. */
export function digestOf(signatures: Iterable<string>): string {
  const all = [...new Set(signatures)].sort().join('\n');
  return createHash('sha256').update(all).digest('hex').slice(0, 16);
}
