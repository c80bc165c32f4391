/**
 * Every goroutine of a running program, from runtime.allgs: state, what it waits for, since when,
 * and its stack. What a reader would get wrong: a goroutine that runs has no stack that can be
 * read from outside, and one that parks has its time of waiting only from the first collection
 * on that finds it parked; before, the runtime itself does not know.
 *
 * A goroutine may run on while its stack is copied: its g is read before and after, and where the
 * two differ, it is read again.
 */
import {
  type FrameShapeAt,
  STACK_WINDOW_BYTES,
  StackWindow,
  walkStack,
} from './goroutine-stack.js';
import { GoroutineFields, type GoroutineRecord, type GoroutineState } from './goroutine-record.js';
import {
  LIMITS,
  type LiveRuntime,
  type MemoryRange,
  readPointers,
  readSlice,
  RuntimeReadError,
} from './runtime-reader.js';

const OPERATION = 'list goroutines';
/** Goroutines that are read together: their g's, then their stacks, then their g's again. */
const BATCH = 2048;

/** One goroutine that is alive. */
export interface Goroutine {
  readonly id: number;
  readonly address: bigint;
  readonly state: GoroutineState;
  /** Such as `chan receive`; only of one that waits. */
  readonly waitReason: string | undefined;
  /** At least so long; undefined where no collection has seen it wait yet. */
  readonly waitNs: number | undefined;
  /** True between runtime.LockOSThread and its undoing. */
  readonly lockedToThread: boolean;
  /** The kernel's id of the thread that it is on or was last bound to; undefined for none. */
  readonly threadId: number | undefined;
  /** Address behind the go statement; 0 for the first goroutine. */
  readonly createdBy: bigint;
  /** Entry of its function. */
  readonly startPc: bigint;
  /** Goroutine that started it, where the release says so (1.21). */
  readonly parentId: number | undefined;
  /** Bytes of its stack. */
  readonly stackBytes: number;
  /** Return addresses, innermost first; empty where {@link noStack} says why. */
  readonly stack: readonly bigint[];
  /** True where the first address is the next instruction itself, not a return address. */
  readonly innermostExact: boolean;
  /** False where the walk ended before the outermost frame. */
  readonly stackComplete: boolean;
  readonly noStack: string | undefined;
  /** Channels that it waits for: one, or all of a select. */
  readonly channels: readonly bigint[];
}

/** All of them. */
export interface GoroutineList {
  readonly goroutines: readonly Goroutine[];
  /** Entries of allgs that are free for reuse. */
  readonly dead: number;
  /** Entries that could not be read. */
  readonly unreadable: number;
  /** Goroutines that ran in each of several readings; their stacks are absent. */
  readonly torn: number;
}

/** What the walk needs beside the runtime's memory. */
export interface GoroutineOptions {
  readonly arch: 'x86_64' | 'arm64';
  /** The runtime's text of a wait reason; undefined for a number that the release lacks. */
  readonly waitReason: (reason: number) => string | undefined;
  /** CLOCK_MONOTONIC in nanoseconds, read now. */
  readonly nowNs: bigint;
  /** The runtime's stack deltas; without them frames are found by their pointers alone. */
  readonly shapeAt?: FrameShapeAt;
}

/**
 * Lists the goroutines, in the order of their birth. Throws RuntimeReadError where allgs was not
 * found or is absurd. Costs three to four system calls for each thousand goroutines.
 */
export function listGoroutines(live: LiveRuntime, options: GoroutineOptions): GoroutineList {
  const { memory, globals } = live;
  if (globals.allgs === undefined) {
    throw new RuntimeReadError(OPERATION, 'runtime.allgs was not found', 0n);
  }
  const { pointer, length } = readSlice(memory, OPERATION, globals.allgs, LIMITS.goroutines);
  let left = readPointers(memory, pointer, length);
  const reader = new BatchReader(live, options);
  for (let tries = 1; left.length > 0; tries++) {
    const again: bigint[] = [];
    for (let first = 0; first < left.length; first += BATCH) {
      again.push(...reader.read(left.slice(first, first + BATCH), tries === LIMITS.tries));
    }
    left = again;
  }
  const { found, dead, unreadable, torn } = reader;
  return { goroutines: found.sort((a, b) => a.id - b.id), dead, unreadable, torn };
}

/** What was copied of one goroutine that does not run. */
interface Copied {
  readonly before: GoroutineRecord;
  readonly start: bigint;
  readonly bytes: Uint8Array | undefined;
  readonly channels: readonly bigint[];
  readonly threadId: number | undefined;
}

class BatchReader {
  readonly found: Goroutine[] = [];
  dead = 0;
  unreadable = 0;
  torn = 0;
  readonly #live: LiveRuntime;
  readonly #options: GoroutineOptions;
  readonly #fields: GoroutineFields;

  constructor(live: LiveRuntime, options: GoroutineOptions) {
    this.#live = live;
    this.#options = options;
    this.#fields = new GoroutineFields(live.offsets);
  }

  /** Reads goroutines; returns those that ran meanwhile, or none when it is the last try. */
  read(addresses: readonly bigint[], last: boolean): bigint[] {
    const alive = this.#alive(addresses);
    const copied = this.#copy(alive);
    const after = this.#live.memory.readMany(alive.map(g => this.#fields.range(g.address)));
    const again: bigint[] = [];
    copied.forEach((copy, i) => {
      const bytes = after[i];
      const still = bytes && this.#fields.decode(copy.before.address, bytes);
      const same = still !== undefined && copy.before.moment === still.moment;
      if (!same && !last) {
        again.push(copy.before.address);
        return;
      }
      if (!same) this.torn++;
      this.found.push(this.#goroutine(copy, same));
    });
    return again;
  }

  #alive(addresses: readonly bigint[]): GoroutineRecord[] {
    const all = this.#live.memory.readMany(addresses.map(g => this.#fields.range(g)));
    return all.flatMap((bytes, i) => {
      if (bytes === undefined) {
        this.unreadable++;
        return [];
      }
      const record = this.#fields.decode(addresses[i]!, bytes);
      if (record.dead) this.dead++;
      return record.dead ? [] : [record];
    });
  }

  /** Copies stacks, channels and thread ids of a batch with one scatter read each. */
  #copy(records: readonly GoroutineRecord[]): Copied[] {
    const { memory } = this.#live;
    const ranges = records.map(record => stackRange(record));
    const wanted = ranges.filter(range => range !== undefined);
    const stacks = memory.readMany(wanted);
    const threads = this.#fields.readThreads(memory, records);
    let next = 0;
    return records.map((before, i) => {
      const range = ranges[i];
      return {
        before,
        start: range?.address ?? 0n,
        bytes: range === undefined ? undefined : stacks[next++],
        channels: this.#fields.readChannels(memory, before),
        threadId: threads[i],
      };
    });
  }

  #goroutine(copy: Copied, same: boolean): Goroutine {
    const { before } = copy;
    const { nowNs, waitReason } = this.#options;
    const walked = same ? this.#walk(copy) : undefined;
    const none = walked === undefined ? noStack(before, same) : undefined;
    const waits = before.state === 'waiting' || before.state === 'leaked';
    const since = waits || before.state === 'syscall' ? before.waitSince : 0n;
    const reason = waits ? waitReason(before.waitReason) : undefined;
    return {
      id: before.id,
      address: before.address,
      state: before.state,
      waitReason: reason === '' ? undefined : reason,
      waitNs: since > 0n && since <= nowNs ? Number(nowNs - since) : undefined,
      lockedToThread: before.lockedToThread,
      threadId: copy.threadId,
      createdBy: before.createdBy,
      startPc: before.startPc,
      parentId: before.parentId,
      stackBytes: Number(before.bounds.hi - before.bounds.lo),
      stack: walked?.pcs ?? [],
      innermostExact: before.notStarted,
      stackComplete: walked?.complete ?? false,
      noStack: none,
      channels: copy.channels,
    };
  }

  #walk({ before, start, bytes }: Copied) {
    if (before.notStarted) return { pcs: [before.startPc], complete: true };
    if (before.registers === undefined || bytes === undefined) return undefined;
    const window = new StackWindow(this.#live.memory, before.bounds, start, bytes);
    const { arch, shapeAt } = this.#options;
    return walkStack(window, before.bounds, before.registers, {
      arch,
      framesMax: LIMITS.frames,
      ...(shapeAt && { shapeAt }),
    });
  }
}

/** The inner part of a stopped goroutine's stack; arm64 keeps a word below the stack pointer. */
function stackRange(record: GoroutineRecord): MemoryRange | undefined {
  const { registers, bounds } = record;
  if (registers === undefined || record.notStarted) return undefined;
  if (registers.sp < bounds.lo || registers.sp >= bounds.hi) return undefined;
  const below = registers.sp - 16n;
  const start = below < bounds.lo ? bounds.lo : below;
  const left = bounds.hi - start;
  const length = left < BigInt(STACK_WINDOW_BYTES) ? Number(left) : STACK_WINDOW_BYTES;
  return { address: start, length };
}

function noStack(record: GoroutineRecord, same: boolean): string {
  if (record.state === 'running') return 'it is running: its registers are not in memory';
  if (!same) return 'it ran while it was read';
  return 'its stack pointer is outside of its stack';
}
