/**
 * Follows pointers through one function: which fields of its arguments, of g, and of what its
 * calls return are read and written, at which displacement. What a reader would get wrong: values
 * are followed along forward edges only; at the head of a loop all registers are forgotten.
 */
import type { Arch } from '../elf/index.js';
import type { Effect, EffectReader, InstructionEffects, MemoryPlace } from './effects.js';

/** A value: where it comes from, as text (`arg0`, `g`, `[g+48]`, `` for a number), and a sum. */
export interface Origin {
  readonly base: string;
  readonly offset: number;
}

/** One thing that the function does. */
export interface Trace {
  readonly kind: 'read' | 'write' | 'call' | 'stack' | 'goroutine';
  /** Of reads and writes: the pointer and the displacement from it, and how many bytes. */
  readonly pointer?: string;
  readonly displacement?: number;
  readonly bytes?: number;
  readonly atomic?: boolean;
  readonly updates?: boolean;
  /** What is written, or becomes the stack pointer or the goroutine. */
  readonly value?: Origin | undefined;
  /** Of calls: the callee's name where it is one of those asked for, and its arguments. */
  readonly callee?: string | undefined;
  readonly arguments?: readonly (Origin | undefined)[];
}

/** What is known at one point: registers, and words of the stack by their address. */
interface State {
  readonly registers: Map<string, Origin>;
  readonly slots: Map<string, Origin>;
}

interface Convention {
  readonly arguments: readonly string[];
  readonly goroutine: string;
  readonly frame: string;
}

const CONVENTIONS: Readonly<Record<Arch, Convention>> = {
  x86_64: {
    arguments: 'rax rbx rcx rdi rsi r8 r9 r10 r11'.split(' '),
    goroutine: 'r14',
    frame: 'rbp',
  },
  arm64: {
    arguments: Array.from({ length: 16 }, (_, i) => `x${i}`),
    goroutine: 'x28',
    frame: 'x29',
  },
};

/** An origin nested deeper than this tells nothing that anybody asks for. */
const ORIGIN_LENGTH_MAX = 96;

const text = ({ base, offset }: Origin): string => `${base}${offset < 0 ? '' : '+'}${offset}`;
const onStack = (base: string): boolean => base.startsWith('sp');

function entryState(arch: Arch): State {
  const convention = CONVENTIONS[arch];
  const at = (base: string): Origin => ({ base, offset: 0 });
  const registers = new Map<string, Origin>([
    ...convention.arguments.map((name, i) => [name, at(`arg${i}`)] as const),
    [convention.goroutine, at('g')],
    [convention.frame, at('frame')],
    ['sp', at('sp')],
  ]);
  if (arch === 'arm64') registers.set('x30', at('return'));
  const slots = arch === 'x86_64' ? [['sp+0', at('return')] as const] : [];
  return { registers, slots: new Map(slots) };
}

/** What both states agree on. */
function meet(a: State, b: State): State {
  const same = (x: Map<string, Origin>, y: Map<string, Origin>): Map<string, Origin> =>
    new Map([...x].filter(([key, v]) => y.has(key) && text(y.get(key)!) === text(v)));
  return { registers: same(a.registers, b.registers), slots: same(a.slots, b.slots) };
}

/** One walk over one function. */
class Walk {
  readonly traces: Trace[] = [];
  readonly #arch: Arch;
  readonly #callees: ReadonlyMap<number, string>;
  readonly #transparent: ReadonlySet<string>;
  state: State;

  constructor(arch: Arch, callees: ReadonlyMap<number, string>, transparent: ReadonlySet<string>) {
    this.#arch = arch;
    this.#callees = callees;
    this.#transparent = transparent;
    this.state = entryState(arch);
  }

  #addressOf({ base, displacement }: MemoryPlace): Origin | undefined {
    if (base === undefined) return { base: '', offset: displacement };
    const pointer = this.state.registers.get(base);
    return pointer && { base: pointer.base, offset: pointer.offset + displacement };
  }

  #set(to: string, value: Origin | undefined): void {
    if (value === undefined || value.base.length > ORIGIN_LENGTH_MAX) {
      this.state.registers.delete(to);
    } else this.state.registers.set(to, value);
    if (to === 'sp') {
      // An alignment leaves a stack pointer that nothing is known of but that it is one.
      if (value === undefined) this.state.registers.set(to, { base: 'sp aligned', offset: 0 });
      else if (!onStack(value.base)) this.traces.push({ kind: 'stack', value });
    }
    if (to === CONVENTIONS[this.#arch].goroutine && value !== undefined && value.base !== 'g') {
      this.traces.push({ kind: 'goroutine', value });
    }
  }

  #load(to: string | undefined, place: MemoryPlace): void {
    const address = this.#addressOf(place);
    if (address === undefined) {
      if (to !== undefined) this.#set(to, undefined);
      return;
    }
    if (!onStack(address.base)) {
      const { base: pointer, offset: displacement } = address;
      this.traces.push({ kind: 'read', pointer, displacement, bytes: place.bytes });
      if (to !== undefined) this.#set(to, { base: `[${text(address)}]`, offset: 0 });
    } else if (to !== undefined) this.#set(to, this.state.slots.get(text(address)));
  }

  #store(effect: Extract<Effect, { op: 'store' }>): void {
    const { place, atomic, updates, from } = effect;
    const address = this.#addressOf(place);
    if (address === undefined) return;
    const constant = typeof from === 'number' ? { base: '', offset: from } : undefined;
    const value = typeof from === 'string' ? this.state.registers.get(from) : constant;
    if (onStack(address.base)) {
      if (value === undefined) this.state.slots.delete(text(address));
      else this.state.slots.set(text(address), value);
      return;
    }
    const { base: pointer, offset: displacement } = address;
    const { bytes } = place;
    this.traces.push({ kind: 'write', pointer, displacement, bytes, atomic, updates, value });
  }

  #call(target: number | undefined): void {
    const callee = target === undefined ? undefined : this.#callees.get(target);
    if (callee !== undefined && this.#transparent.has(callee)) return;
    const { registers } = this.state;
    const convention = CONVENTIONS[this.#arch];
    const passed = convention.arguments.map(name => registers.get(name));
    this.traces.push({ kind: 'call', callee, arguments: passed });
    for (const name of [...registers.keys()]) {
      if (name !== 'sp' && name !== convention.goroutine && name !== convention.frame) {
        registers.delete(name);
      }
    }
    const result = convention.arguments[0]!;
    registers.set(result, { base: `call ${callee ?? target ?? ''}`, offset: 0 });
  }

  /** What a loop changes is unknown at its head; a call in it may change everything. */
  forget(name: string): void {
    if (name !== EVERYTHING) {
      if (name !== 'sp') this.state.registers.delete(name);
      return;
    }
    const sp = this.state.registers.get('sp');
    this.state.registers.clear();
    if (sp !== undefined) this.state.registers.set('sp', sp);
  }

  apply(effect: Effect): void {
    const { registers } = this.state;
    switch (effect.op) {
      case 'copy':
        return this.#set(effect.to, registers.get(effect.from));
      case 'constant':
        return this.#set(effect.to, { base: '', offset: effect.value });
      case 'add': {
        const from = registers.get(effect.from);
        return this.#set(effect.to, from && { ...from, offset: from.offset + effect.value });
      }
      case 'sum': {
        const [a, b] = effect.from.map(name => registers.get(name));
        const pointer = a?.base === '' ? b : a;
        const number = a?.base === '' ? a : b;
        const known = pointer !== undefined && number?.base === '';
        const offset = (pointer?.offset ?? 0) + (number?.offset ?? 0);
        return this.#set(effect.to, known ? { base: pointer.base, offset } : undefined);
      }
      case 'shift': {
        const from = registers.get(effect.from);
        return this.#set(effect.to, from && { base: `(${text(from)}<<${effect.left})`, offset: 0 });
      }
      case 'load':
        return this.#load(effect.to, effect.place);
      case 'store':
        return this.#store(effect);
      case 'thread':
        return this.#set(effect.to, { base: 'g', offset: 0 });
      case 'forget':
        return this.#set(effect.to, undefined);
      case 'call':
        return this.#call(effect.target);
      case 'jump':
    }
  }
}

const EVERYTHING = '*';
/** A longer way back is taken as a loop that changes everything. */
const LOOP_INSTRUCTIONS_MAX = 64;

/** Registers that loops change, by the address of their heads. */
function loopWrites(code: readonly InstructionEffects[]): Map<number, Set<string>> {
  const heads = new Map<number, Set<string>>();
  const indices = new Map(code.map(({ address }, index) => [address, index]));
  for (const [index, { address, effects }] of code.entries()) {
    for (const jump of effects) {
      if (jump.op !== 'jump' || jump.target === undefined || jump.target > address) continue;
      const names = heads.get(jump.target) ?? new Set<string>();
      heads.set(jump.target, names);
      const first = indices.get(jump.target);
      if (first === undefined || index - first > LOOP_INSTRUCTIONS_MAX) names.add(EVERYTHING);
      else for (const e of code.slice(first, index).flatMap(i => i.effects)) addWrites(e, names);
    }
  }
  return heads;
}

function addWrites(effect: Effect, names: Set<string>): void {
  if (effect.op === 'call') names.add(EVERYTHING);
  else if ('to' in effect && effect.to !== undefined) names.add(effect.to);
}

/** What a function is followed with. */
export interface FollowOptions {
  /** Names of callees by their entry; other calls have none. */
  readonly callees: ReadonlyMap<number, string>;
  /** Callees that keep all registers, as some assembly of the runtime does. */
  readonly transparent: ReadonlySet<string>;
}

/**
 * Everything that a function does with pointers, in the order of its code. Costs one pass; what
 * cannot be followed is left out.
 */
export function followPointers(
  reader: EffectReader,
  code: Uint8Array,
  address: number,
  { callees, transparent }: FollowOptions,
): Trace[] {
  const walk = new Walk(reader.arch, callees, transparent);
  const instructions = reader.effects(code, address);
  const loops = loopWrites(instructions);
  const pending = new Map<number, State>();
  let falls = true;
  let live = true;
  for (const { address: at, effects } of instructions) {
    const joined = pending.get(at);
    // Padding behind a jump is not where the next block comes from.
    const before: boolean = falls && live;
    if (joined !== undefined) walk.state = before ? meet(walk.state, joined) : joined;
    else if (!before) walk.state = { registers: new Map(), slots: new Map() };
    live = before || joined !== undefined;
    // The start of a function is where it goes back to after growing the stack: nothing changes.
    if (at !== address) for (const name of loops.get(at) ?? []) walk.forget(name);
    pending.delete(at);
    falls = true;
    for (const effect of effects) {
      walk.apply(effect);
      if (effect.op !== 'jump') continue;
      falls &&= !effect.always;
      if (effect.target === undefined || effect.target <= at) continue;
      const copy = {
        registers: new Map(walk.state.registers),
        slots: new Map(walk.state.slots),
      };
      const other = pending.get(effect.target);
      pending.set(effect.target, other === undefined ? copy : meet(other, copy));
    }
  }
  return walk.traces;
}
