/**
 * Stacks that BPF could not walk, because an address had no rule yet: takes their copies, installs
 * the rules of all frames, and keeps the frames under the id that BPF would have given them. What a
 * reader would get wrong: rules go in before anything is unwound for its own sake; a consumer that
 * unwinds every duplicate first lets the next thousands miss as well.
 */
import { type Arch, DWARF_REGISTERS, type StackCopy, unwindCopy } from '@sonde/symbols';
import { COPIED_REGISTERS, SONDE_STACK_COPY, STACK_FRAMES_MAX } from '../schema/index.js';
import type { CodeRules } from './code-rules.js';
import { ruleKey, type RuleTable } from './rule-table.js';

/** Bit 63 of an id: only this room knows the frames. */
export const PROVISIONAL = 1n << 63n;

const MULTIPLIER = 0x9e3779b97f4a7c15n;

/** The hash that BPF makes of a stack, one address at a time (sonde_mix). */
export function mixStack(hash: bigint, address: bigint): bigint {
  const mixed = BigInt.asUintN(64, (hash ^ address) * MULTIPLIER);
  return mixed ^ (mixed >> 29n);
}

/** A whole C stack, and what continues it. */
export interface CopiedStack {
  /** Id that BPF gives to the same stack once it has the rules. */
  readonly id: bigint;
  /** Return addresses, innermost first, without those of `next`. */
  readonly pcs: readonly bigint[];
  /** Id of the Go stack behind it; 0 for none. */
  readonly next: bigint;
  /** Why the C part does not reach Go or the thread's start. */
  readonly truncated?: string;
}

/** What happened so far. */
export interface CopyCounts {
  readonly copies: number;
  readonly rules: number;
  /** Rules for which the table had no room. */
  readonly rulesLeftOut: number;
}

interface QueuedCopy {
  readonly id: bigint;
  readonly next: bigint;
  readonly exact: boolean;
  readonly missing: number;
  readonly copy: StackCopy;
}

const at = (name: string): number => {
  const field = SONDE_STACK_COPY.fields.find(each => each.name === name);
  if (field === undefined) throw new Error(`read stack copy: no field ${name}`);
  return field.offsetBytes;
};
const ID = at('id');
const MISSING = at('missing');
const GO_STACK = at('goStack');
const PC = at('pc');
const STACK_POINTER = at('stackPointer');
const LENGTH = at('lengthBytes');
const AT_ENTRY = at('atEntry');
const REGISTERS = at('registers');

/** A 64-bit value as a number; NaN above 2^53, where it is no address. */
function word(view: DataView, offset: number): number {
  const high = view.getUint32(offset + 4, true);
  return high >= 0x200000 ? NaN : high * 2 ** 32 + view.getUint32(offset, true);
}

const ADDRESS_BITS = (1n << 48n) - 1n;

/** Unwinds copies and remembers what they were. */
export class CopiedStacks {
  readonly #arch: Arch;
  readonly #rules: CodeRules;
  readonly #table: RuleTable;
  readonly #stopAt: (address: number) => boolean;
  readonly #byProvisional = new Map<bigint, CopiedStack>();
  readonly #byId = new Map<bigint, CopiedStack>();
  #queue: QueuedCopy[] = [];
  #copies = 0;
  #rulesLeftOut = 0;

  /** `stopAt` says where C ends: true for addresses of Go code. */
  constructor(
    arch: Arch,
    rules: CodeRules,
    table: RuleTable,
    stopAt: (address: number) => boolean,
  ) {
    this.#arch = arch;
    this.#rules = rules;
    this.#table = table;
    this.#stopAt = stopAt;
  }

  /** How many copies and rules there were. */
  get counts(): CopyCounts {
    const { count } = this.#table;
    return { copies: this.#copies, rules: count, rulesLeftOut: this.#rulesLeftOut };
  }

  /** Takes one record of the ring; it is unwound by {@link settle}. */
  accept(view: DataView, offset: number, sizeBytes: number): void {
    const length = Math.min(
      Number(view.getBigUint64(offset + LENGTH, true)),
      sizeBytes - SONDE_STACK_COPY.sizeBytes,
    );
    const start = view.byteOffset + offset + SONDE_STACK_COPY.sizeBytes;
    const bytes = new Uint8Array(view.buffer, start, length).slice();
    const { last } = DWARF_REGISTERS[this.#arch];
    const registers = Float64Array.from({ length: last + 1 }, (_, i) =>
      i < COPIED_REGISTERS ? word(view, offset + REGISTERS + 8 * i) : NaN,
    );
    const exact = view.getBigUint64(offset + AT_ENTRY, true) === 0n;
    const address = word(view, offset + STACK_POINTER);
    const pc = word(view, offset + PC);
    const copy = { registers, pc, exact, address, bytes };
    this.#copies++;
    this.#queue.push({
      id: view.getBigUint64(offset + ID, true),
      next: view.getBigUint64(offset + GO_STACK, true),
      missing: Number(view.getBigUint64(offset + MISSING, true) & ADDRESS_BITS),
      exact,
      copy: exact ? copy : this.#atReturn(copy),
    });
  }

  /** Unwinds everything that was taken: first what has an address that is still unknown. */
  settle(): void {
    const queue = this.#queue;
    this.#queue = [];
    const later: QueuedCopy[] = [];
    const seen = new Set<number>();
    for (const queued of queue) {
      if (seen.has(queued.missing)) later.push(queued);
      else {
        seen.add(queued.missing);
        this.#unwind(queued);
      }
    }
    for (const queued of later) this.#unwind(queued);
  }

  /** The id that BPF would have given; the id itself where nothing is known of it. */
  canonical(id: bigint): bigint {
    return this.#byProvisional.get(id)?.id ?? id;
  }

  /** The stack of a provisional or a canonical id, if it was ever unwound here. */
  stack(id: bigint): CopiedStack | undefined {
    return this.#byProvisional.get(id) ?? this.#byId.get(id);
  }

  /** Forgets rules, not stacks: code was unmapped, and its addresses may mean something else. */
  forgetRules(): void {
    this.#rules.clear();
    this.#table.clear();
  }

  /** At a function's first instruction: the state that its caller will have after the return. */
  #atReturn(copy: StackCopy): StackCopy {
    const { stackPointer, returnAddress } = DWARF_REGISTERS[this.#arch];
    if (this.#arch === 'arm64') {
      const pc = copy.registers[returnAddress]!;
      return { ...copy, pc: Number.isNaN(pc) ? 0 : pc };
    }
    const view = new DataView(copy.bytes.buffer, copy.bytes.byteOffset, copy.bytes.byteLength);
    const registers = Float64Array.from(copy.registers);
    registers[stackPointer] = copy.address + 8;
    return { ...copy, registers, pc: view.byteLength >= 8 ? word(view, 0) : 0 };
  }

  #unwind(queued: QueuedCopy): void {
    const walk = unwindCopy(this.#arch, queued.copy, {
      framesMax: STACK_FRAMES_MAX,
      stopAt: this.#stopAt,
      rowAt: (address, exact) => {
        const { row, rule } = this.#rules.at(address, exact);
        if (!this.#table.install(ruleKey(address, exact), rule)) this.#rulesLeftOut++;
        return row;
      },
    });
    const addresses = walk.end.kind === 'stop' ? walk.addresses.slice(0, -1) : walk.addresses;
    // The exact address stands first in its return-address form, as BPF stores it.
    const all = queued.exact ? [queued.copy.pc + 1, ...addresses] : addresses;
    const pcs = all.slice(0, STACK_FRAMES_MAX).map(BigInt);
    const hash = pcs.reduce(mixStack, queued.next);
    const stack: CopiedStack = {
      id: hash & ~PROVISIONAL,
      pcs,
      next: queued.next,
      ...(walk.end.reason !== undefined && { truncated: walk.end.reason }),
    };
    this.#byProvisional.set(queued.id, stack);
    if (!this.#byId.has(stack.id)) this.#byId.set(stack.id, stack);
  }
}
