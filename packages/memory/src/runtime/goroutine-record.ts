/**
 * The words of one g (runtime/runtime2.go) and of what it points to. What a reader would get
 * wrong: the state word carries a bit for a stack that the collector is scanning, and a goroutine
 * in a system call continues at syscallpc, not at sched.pc.
 */
import type { Registers, StackBounds } from './goroutine-stack.js';
import {
  type MemoryRange,
  readWord,
  type RuntimeMemory,
  type RuntimeOffsets,
  viewOf,
} from './runtime-reader.js';

/** What the state word says, in the runtime's words (runtime/traceback.go, gStatusStrings). */
export type GoroutineState =
  | 'idle'
  | 'runnable'
  | 'running'
  | 'syscall'
  | 'waiting'
  | 'copystack'
  | 'leaked'
  | 'preempted'
  | 'unknown';

/** runtime/runtime2.go, _Gidle … _Gpreempted; 10 and 11 came with 1.26. */
const STATES: Readonly<Record<number, GoroutineState | 'dead'>> = {
  0: 'idle',
  1: 'runnable',
  2: 'running',
  3: 'syscall',
  4: 'waiting',
  6: 'dead',
  8: 'copystack',
  9: 'preempted',
  10: 'leaked',
  11: 'dead',
};
/** _Gscan. */
const SCAN = 0x1000;
/** States in which the saved registers are those that it will continue with. */
const STOPPED: readonly string[] = ['runnable', 'waiting', 'preempted', 'leaked'];
/** Channels of one select; a select has at most 65536 cases (runtime/select.go). */
const CHANNELS_MAX = 1 << 16;

/** One g as read. */
export interface GoroutineRecord {
  readonly address: bigint;
  readonly dead: boolean;
  readonly state: GoroutineState;
  readonly id: number;
  readonly waitReason: number;
  /** Nanoseconds of the runtime's clock; 0 where not known. */
  readonly waitSince: bigint;
  readonly lockedToThread: boolean;
  readonly m: bigint;
  readonly lockedM: bigint;
  readonly createdBy: bigint;
  readonly startPc: bigint;
  readonly parentId: number | undefined;
  readonly bounds: StackBounds;
  /** Undefined for one that runs. */
  readonly registers: Registers | undefined;
  /** True where it has not executed an instruction yet. */
  readonly notStarted: boolean;
  /** First sudog of what it waits for; 0 for none. */
  readonly waiting: bigint;
  /** The words that change whenever it runs: equal in two readings of the same stop. */
  readonly moment: string;
}

const NEEDED = [
  ...['stack.lo', 'stack.hi', 'm', 'sched.sp', 'sched.pc', 'sched.bp', 'syscallsp', 'syscallpc'],
  ...['atomicstatus', 'goid', 'waitsince', 'waitreason', 'lockedm', 'gopc', 'startpc', 'waiting'],
];
const OPTIONAL = ['syscallbp', 'stktopsp', 'sched.lr', 'parentGoid'];

/** Where the fields of g lie in one release. */
export class GoroutineFields {
  readonly #offsets: RuntimeOffsets;
  readonly #length: number;

  constructor(offsets: RuntimeOffsets) {
    this.#offsets = offsets;
    const needed = NEEDED.map(name => offsets.need(`g.${name}`));
    const optional = OPTIONAL.map(name => offsets.get(`g.${name}`) ?? 0);
    this.#length = Math.max(...needed, ...optional) + 8;
  }

  /** What to read of a g. */
  range(address: bigint): MemoryRange {
    return { address, length: this.#length };
  }

  /** Decodes the bytes of {@link range}. */
  decode(address: bigint, bytes: Uint8Array): GoroutineRecord {
    const view = viewOf(bytes);
    const at = (name: string) => this.#offsets.need(`g.${name}`);
    const word = (name: string) => readWord(view, at(name));
    const maybe = (name: string) => {
      const offset = this.#offsets.get(`g.${name}`);
      return offset === undefined ? undefined : readWord(view, offset);
    };
    const status = view.getUint32(at('atomicstatus'), true);
    const state = STATES[status & ~SCAN] ?? 'unknown';
    const hi = word('stack.hi');
    const top = maybe('stktopsp') ?? 0n;
    const bounds = { lo: word('stack.lo'), hi, top: top === 0n || top > hi ? hi : top };
    const startPc = word('startpc');
    const parent = maybe('parentGoid');
    const registers = registersOf(state, word, maybe);
    const moment = [status & ~SCAN, word('goid'), bounds.lo, word('waitsince'), word('waiting')];
    if (registers !== undefined) moment.push(registers.pc, registers.sp, registers.bp ?? 0n);
    return {
      moment: moment.join(' '),
      address,
      dead: state === 'dead' || state === 'idle',
      state: state === 'dead' ? 'unknown' : state,
      id: Number(word('goid')),
      waitReason: view.getUint8(at('waitreason')),
      waitSince: word('waitsince'),
      lockedToThread: word('lockedm') !== 0n,
      m: word('m'),
      lockedM: word('lockedm'),
      createdBy: word('gopc'),
      startPc,
      parentId: parent === undefined || parent === 0n ? undefined : Number(parent),
      bounds,
      registers,
      notStarted: state === 'runnable' && registers?.pc === startPc,
      waiting: state === 'waiting' || state === 'leaked' ? word('waiting') : 0n,
    };
  }

  /** Kernel ids of the threads that goroutines are on or locked to; undefined for none. */
  readThreads(memory: RuntimeMemory, records: readonly GoroutineRecord[]): (number | undefined)[] {
    const procid = BigInt(this.#offsets.need('m.procid'));
    const ms = records.map(record => (record.m === 0n ? record.lockedM : record.m));
    const wanted = ms.filter(m => m !== 0n);
    const words = memory.readMany(wanted.map(m => ({ address: m + procid, length: 8 })));
    let next = 0;
    return ms.map(m => {
      const bytes = m === 0n ? undefined : words[next++];
      return bytes === undefined ? undefined : Number(readWord(viewOf(bytes), 0));
    });
  }

  /** Channels of the sudogs that a waiting goroutine has queued; empty where it has none. */
  readChannels(memory: RuntimeMemory, record: GoroutineRecord): bigint[] {
    if (record.waiting === 0n) return [];
    const channel = this.#offsets.get('sudog.c');
    const link = this.#offsets.get('sudog.waitlink');
    if (channel === undefined || link === undefined) return [];
    const length = Math.max(channel, link) + 8;
    const channels = new Set<bigint>();
    const seen = new Set<bigint>();
    for (let sudog = record.waiting; sudog !== 0n && !seen.has(sudog);) {
      if (seen.size >= CHANNELS_MAX) break;
      seen.add(sudog);
      const [bytes] = memory.readMany([{ address: sudog, length }]);
      if (bytes === undefined) break;
      const view = viewOf(bytes);
      const c = readWord(view, channel);
      if (c !== 0n) channels.add(c);
      sudog = readWord(view, link);
    }
    return [...channels];
  }
}

function registersOf(
  state: string,
  word: (name: string) => bigint,
  maybe: (name: string) => bigint | undefined,
): Registers | undefined {
  if (state === 'syscall') {
    const bp = maybe('syscallbp');
    return { pc: word('syscallpc'), sp: word('syscallsp'), bp, lr: 0n };
  }
  if (!STOPPED.includes(state)) return undefined;
  const lr = maybe('sched.lr') ?? 0n;
  return { pc: word('sched.pc'), sp: word('sched.sp'), bp: word('sched.bp'), lr };
}
