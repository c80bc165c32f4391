/**
 * Stacks that BPF could not walk, because an address had no rule yet: takes their copies, installs
 * the rules of all frames, and keeps the frames under the id that BPF would have given them. What a
 * reader would get wrong: a copy may be looked at twice. Its rules are what the next thousand hits
 * wait for, so one whose address is unknown is unwound before the records that lie before it.
 */
import { type Arch, DWARF_REGISTERS, type StackCopy, unwindCopy } from '@sonde/symbols';
import { COPIED_REGISTERS, SONDE_STACK_COPY, STACK_FRAMES_MAX } from '../schema/index.js';
import type { CodeRule, CodeRules } from './code-rules.js';
import { ruleKey, type RuleTable } from './rule-table.js';
import { StackHash } from './stack-hash.js';

/** Bit 63 of an id: only this room knows the frames. */
export const PROVISIONAL = 1n << 63n;

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
  /** Provisional ids and stacks that were forgotten to make room; what refers to them is lost. */
  readonly idsForgotten: number;
}

/** How much is remembered; what was met first is forgotten first. */
export interface CopyLimits {
  /** Provisional ids. Default 262144, about 20 MB. */
  readonly idsMax?: number;
  /** Different stacks. Default 65536, about as much. */
  readonly stacksMax?: number;
}

const IDS_MAX = 1 << 18;
const STACKS_MAX = 1 << 16;

/** The upper half of an address without bit 63. */
const EXACT_MASK = 0x7fff_ffff;

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

/** Unwinds copies and remembers what they were. */
export class CopiedStacks {
  readonly #arch: Arch;
  readonly #rules: CodeRules;
  readonly #table: RuleTable;
  readonly #stopAt: (address: number) => boolean;
  readonly #byProvisional = new Map<bigint, CopiedStack>();
  readonly #byId = new Map<bigint, CopiedStack>();
  readonly #idsMax: number;
  readonly #stacksMax: number;
  #copies = 0;
  #rulesLeftOut = 0;
  #idsForgotten = 0;

  /** `stopAt` says where C ends: true for addresses of Go code. */
  constructor(
    arch: Arch,
    rules: CodeRules,
    table: RuleTable,
    stopAt: (address: number) => boolean,
    limits: CopyLimits = {},
  ) {
    this.#idsMax = limits.idsMax ?? IDS_MAX;
    this.#stacksMax = limits.stacksMax ?? STACKS_MAX;
    this.#arch = arch;
    this.#rules = rules;
    this.#table = table;
    this.#stopAt = stopAt;
  }

  /** How many copies and rules there were. */
  get counts(): CopyCounts {
    const { count } = this.#table;
    const [rulesLeftOut, idsForgotten] = [this.#rulesLeftOut, this.#idsForgotten];
    return { copies: this.#copies, rules: count, rulesLeftOut, idsForgotten };
  }

  /**
   * Looks at a record that is still in the ring. If its address is unknown, it is unwound there, so
   * that the rules do not wait for whatever lies before it.
   */
  foresee(view: DataView, offset: number, sizeBytes: number): void {
    // The address whose rule was missing; bit 63 says that it is an instruction's own.
    const high = view.getUint32(offset + MISSING + 4, true);
    const address = (high & EXACT_MASK) * 2 ** 32 + view.getUint32(offset + MISSING, true);
    if (this.#rules.isInstalled(address, high > EXACT_MASK)) return;
    const record = new DataView(view.buffer, view.byteOffset + offset, sizeBytes);
    this.#unwind(record.getBigUint64(ID, true), record);
  }

  /** Takes one record of the ring. */
  accept(view: DataView, offset: number, sizeBytes: number): void {
    this.#copies++;
    const id = view.getBigUint64(offset + ID, true);
    if (this.#byProvisional.has(id)) return;
    this.#unwind(id, new DataView(view.buffer, view.byteOffset + offset, sizeBytes));
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

  #unwind(id: bigint, record: DataView): void {
    const copy = this.#copyIn(record);
    const walk = unwindCopy(this.#arch, copy, {
      framesMax: STACK_FRAMES_MAX,
      stopAt: this.#stopAt,
      rowAt: (address, exact) => this.#ruleAt(address, exact).row,
    });
    const { addresses } = walk;
    if (walk.end.kind === 'stop') addresses.pop();
    const next = record.getBigUint64(GO_STACK, true);
    // The exact address stands first in its return-address form, as BPF stores it.
    if (copy.exact) addresses.unshift(copy.pc + 1);
    if (addresses.length > STACK_FRAMES_MAX) addresses.length = STACK_FRAMES_MAX;
    const hash = new StackHash(next);
    for (const address of addresses) hash.mix(address);
    const stackId = hash.value & ~PROVISIONAL;
    // Most copies are of stacks that are known: one object serves all their ids.
    const known = this.#byId.get(stackId) ?? {
      id: stackId,
      pcs: addresses.map(BigInt),
      next,
      ...(walk.end.reason !== undefined && { truncated: walk.end.reason }),
    };
    this.#byId.set(stackId, known);
    this.#byProvisional.set(id, known);
    this.#forgetOldest(this.#byId, this.#stacksMax);
    this.#forgetOldest(this.#byProvisional, this.#idsMax);
  }

  /** A map gives its keys in the order in which they came. */
  #forgetOldest(map: Map<bigint, CopiedStack>, most: number): void {
    for (const id of map.keys()) {
      if (map.size <= most) return;
      map.delete(id);
      this.#idsForgotten++;
    }
  }

  /** The rule of an address, which BPF knows from then on. */
  #ruleAt(address: number, exact: boolean): CodeRule {
    const found = this.#rules.at(address, exact);
    if (!found.installed) {
      found.installed = true;
      if (!this.#table.install(ruleKey(address, exact), found.rule)) this.#rulesLeftOut++;
    }
    return found;
  }

  #copyIn(record: DataView): StackCopy {
    const { last, returnAddress, stackPointer } = DWARF_REGISTERS[this.#arch];
    const registers = new Float64Array(last + 1).fill(NaN);
    for (let i = 0; i < COPIED_REGISTERS && i <= last; i++) {
      registers[i] = word(record, REGISTERS + 8 * i);
    }
    const { sizeBytes } = SONDE_STACK_COPY;
    const room = record.byteLength - sizeBytes;
    const length = Math.min(Number(record.getBigUint64(LENGTH, true)), room);
    const bytes = new Uint8Array(record.buffer, record.byteOffset + sizeBytes, length);
    const address = word(record, STACK_POINTER);
    const exact = record.getBigUint64(AT_ENTRY, true) === 0n;
    if (exact) return { registers, pc: word(record, PC), exact, address, bytes };
    // At a function's first instruction: the state that its caller will have after the return.
    let pc = registers[returnAddress]!;
    if (this.#arch === 'x86_64') {
      registers[stackPointer] = address + 8;
      pc = length >= 8 ? word(record, sizeBytes) : 0;
    }
    return { registers, pc: Number.isNaN(pc) ? 0 : pc, exact, address, bytes };
  }
}
