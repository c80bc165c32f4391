/**
 * A process that never ran: sources that allocate and free C memory, a Go heap with collections,
 * and what a trace of it would have seen. Times are seconds here, because tests are written by
 * people; time 0 is the attach, and sources run before it too (from `-warmSeconds`).
 */
import {
  NO_LOSSES,
  type CHeapObservation,
  type LiveColumns,
  type LossCounts,
  type MemorySample,
  type Observation,
  type PointState,
  type ProbeState,
} from '../observation.js';
import { exponential, seeded } from './random.js';

/** One call site with its habit. */
export interface Source {
  readonly stack: number;
  /** Allocations per second, at random moments; or at exactly even ones when `even`. */
  readonly perSecond: number;
  readonly even?: boolean;
  readonly sizeBytes: number;
  /** Seconds until it is freed; Infinity leaks. Drawn for each allocation. */
  readonly life: (random: () => number) => number;
  /** The time in which it allocates; default always. */
  readonly from?: number;
  readonly to?: number;
}

/** What a test sets; everything else has a quiet default. */
export interface ProcessOptions {
  readonly seed: number;
  readonly sources?: readonly Source[];
  readonly seconds?: number;
  readonly warmSeconds?: number;
  /** Bytes that were touched and freed before the attach, handed out again first. */
  readonly recycledBytes?: number;
  /** Go heap in use and finished collections at a time. */
  readonly goHeap?: (seconds: number) => {
    readonly inUse: number;
    readonly cycles: number;
    readonly marked?: number;
  };
  /** RSS that belongs to nobody who is watched. */
  readonly otherRss?: (seconds: number) => number;
  readonly probes?: readonly ProbeState[];
  readonly losses?: Readonly<Record<string, Partial<LossCounts>>>;
  readonly ended?: Observation['ended'];
}

const PAGE = 4096;
const NS = 1e9;
const MiB = 1024 * 1024;

interface Block {
  readonly address: number;
  readonly size: number;
  readonly stack: number;
  readonly at: number;
}

/** A bump allocator with a free list per rounded size, and the pages that it has touched. */
class SimulatedHeap {
  readonly touched = new Set<number>();
  readonly faults: { address: number; at: number; stack: number }[] = [];
  readonly #free = new Map<number, number[]>();
  #top = 0x5000_0000_0010;
  #recycledEnd: number;

  constructor(recycledBytes: number) {
    this.#recycledEnd = this.#top + recycledBytes;
    for (let at = this.#top; at < this.#recycledEnd; at += PAGE) this.touched.add(page(at));
  }

  allocate(size: number, at: number, stack: number): number {
    const rounded = roundedSize(size);
    const reused = this.#free.get(rounded)?.pop();
    const address = reused ?? this.#top;
    if (reused === undefined) this.#top += rounded;
    for (let number = page(address); number <= page(address + rounded - 1); number++) {
      if (this.touched.has(number)) continue;
      this.touched.add(number);
      this.faults.push({ address: Math.max(address, number * PAGE), at, stack });
    }
    return address;
  }

  release(block: Block): void {
    const rounded = roundedSize(block.size);
    const list = this.#free.get(rounded) ?? [];
    list.push(block.address);
    this.#free.set(rounded, list);
  }
}

function page(address: number): number {
  return Math.floor(address / PAGE);
}

function roundedSize(size: number): number {
  return Math.max(32, Math.ceil((size + 8) / 16) * 16);
}

/** An observation and the reader of resident pages that goes with it. */
export interface SimulatedTrace {
  readonly seen: Observation;
  readonly residentPages: (ranges: { start: Float64Array; end: Float64Array }) => Uint8Array;
}

/** Runs the process and traces it for `seconds`, one look a second. */
export function simulate(options: ProcessOptions): SimulatedTrace {
  const seconds = options.seconds ?? 20;
  const random = seeded(options.seed);
  const heap = new SimulatedHeap(options.recycledBytes ?? 0);
  const stacks = 1 + Math.max(0, ...(options.sources ?? []).map(source => source.stack));
  const counts = emptyCounts(stacks);
  const live = new Map<number, Block>();
  const memory: MemorySample[] = [];
  const held: CHeapObservation['held'][number][] = [];
  let earlier: CHeapObservation['earlier'];
  let freedBeforeAttach = 0;
  const ticks = Array.from({ length: seconds + 1 }, (_, index) => index);
  for (const event of eventsOf(options, random, seconds)) {
    while (ticks.length > 0 && ticks[0]! <= event.at) {
      const at = ticks.shift()!;
      memory.push(sampleAt(at, heap, options));
      held.push({ atNs: at * NS, heldBytes: heldBytes(counts), freedBeforeAttach });
      if (at === Math.floor(seconds / 2)) earlier = { atNs: at * NS, live: liveColumns(live) };
    }
    if (event.kind === 'alloc') {
      const { stack, sizeBytes } = event.source;
      const address = heap.allocate(sizeBytes, event.at, stack);
      event.born.block = { address, size: sizeBytes, stack, at: event.at };
      if (event.at < 0) continue;
      live.set(address, event.born.block);
      counts.allocs[stack]!++;
      counts.allocBytes[stack]! += sizeBytes;
    } else {
      const block = event.born.block!;
      heap.release(block);
      if (live.delete(block.address)) {
        counts.frees[block.stack]!++;
        counts.freeBytes[block.stack]! += block.size;
      } else if (event.at >= 0) freedBeforeAttach++;
    }
  }
  const cHeap = { ...counts, held, live: liveColumns(live), ...(earlier ? { earlier } : {}) };
  return {
    seen: observationOf(options, seconds, heap, memory, cHeap),
    residentPages: reader(heap),
  };
}

interface HeapEvent {
  readonly kind: 'alloc' | 'free' | 'end';
  readonly at: number;
  readonly source: Source;
  readonly born: { block?: Block };
}

/** All allocations and frees up to the window's end in order, then one event that ends it. */
function eventsOf(options: ProcessOptions, random: () => number, seconds: number): HeapEvent[] {
  const events: HeapEvent[] = [];
  for (const source of options.sources ?? []) {
    const start = Math.max(-(options.warmSeconds ?? 0), source.from ?? -Infinity);
    const stop = Math.min(seconds, source.to ?? Infinity);
    const gap = () =>
      source.even ? 1 / source.perSecond : exponential(random, 1 / source.perSecond);
    for (let at = start + gap(); at < stop; at += gap()) {
      const born = {};
      events.push({ kind: 'alloc', at, source, born });
      const end = at + source.life(random);
      if (end < seconds) events.push({ kind: 'free', at: end, source, born });
    }
  }
  events.sort((a, b) => a.at - b.at);
  const none: Source = { stack: 0, perSecond: 0, sizeBytes: 0, life: () => 0 };
  const block = { address: 0, size: 0, stack: 0, at: 0 };
  events.push({ kind: 'free', at: seconds, source: none, born: { block } });
  return events;
}

function emptyCounts(stacks: number) {
  return {
    allocs: new Float64Array(stacks),
    frees: new Float64Array(stacks),
    allocBytes: new Float64Array(stacks),
    freeBytes: new Float64Array(stacks),
  };
}

function heldBytes(counts: ReturnType<typeof emptyCounts>): Float64Array {
  return counts.allocBytes.map((bytes, stack) => bytes - counts.freeBytes[stack]!);
}

function liveColumns(live: ReadonlyMap<number, Block>): LiveColumns {
  const blocks = [...live.values()];
  return {
    address: Float64Array.from(blocks, block => block.address),
    sizeBytes: Float64Array.from(blocks, block => block.size),
    usableBytes: Float64Array.from(blocks, block => roundedSize(block.size) - 8),
    stack: Uint32Array.from(blocks, block => block.stack),
    atNs: Float64Array.from(blocks, block => Math.round(block.at * NS)),
  };
}

function sampleAt(at: number, heap: SimulatedHeap, options: ProcessOptions): MemorySample {
  const go = options.goHeap?.(at) ?? { inUse: 8 * MiB, cycles: 3 + at, marked: 5 * MiB };
  const other = options.otherRss?.(at) ?? 0;
  const anonBytes = heap.touched.size * PAGE + go.inUse + other;
  return {
    atNs: at * NS,
    rssBytes: anonBytes + 12 * MiB,
    anonBytes,
    fileBytes: 12 * MiB,
    shmemBytes: 0,
    goHeapInUseBytes: go.inUse,
    ...(go.marked === undefined ? {} : { goHeapMarkedBytes: go.marked }),
    goHeapIdleBytes: 2 * MiB,
    goHeapReleasedBytes: MiB,
    goStacksBytes: MiB / 2,
    goGcCycles: go.cycles,
    cpuNs: at * 0.4 * NS,
  };
}

function reader(heap: SimulatedHeap): SimulatedTrace['residentPages'] {
  return ranges => {
    const present: number[] = [];
    ranges.start.forEach((start, run) => {
      for (let at = start; at < ranges.end[run]!; at += PAGE) {
        present.push(heap.touched.has(page(at)) ? 1 : 0);
      }
    });
    return Uint8Array.from(present);
  };
}

function observationOf(
  options: ProcessOptions,
  seconds: number,
  heap: SimulatedHeap,
  memory: readonly MemorySample[],
  cHeap: CHeapObservation,
): Observation {
  const traced = heap.faults.filter(fault => fault.at >= 0);
  const losses = Object.entries(options.losses ?? {}).map(
    ([name, lost]) => [name, { ...NO_LOSSES, ...lost }] as const,
  );
  return {
    durationNs: seconds * NS,
    ended: options.ended ?? 'duration',
    cgo: true,
    memory,
    cHeap,
    goLarge: emptyGoLarge(),
    faults: {
      address: Float64Array.from(traced, fault => fault.address),
      atNs: Float64Array.from(traced, fault => Math.round(fault.at * NS)),
      stack: Uint32Array.from(traced, fault => fault.stack),
    },
    probes: options.probes ?? [
      simulatedProbe('cgo-malloc', ['malloc', 'mallocReturn', 'free']),
      simulatedProbe('mallocgc', ['allocLarge', 'freeSpan']),
      simulatedProbe('pagefault', ['fault']),
    ],
    losses: Object.fromEntries(losses),
  };
}

/** No large Go object was seen. */
export function emptyGoLarge() {
  return {
    address: new Float64Array(0),
    sizeBytes: new Float64Array(0),
    stack: new Uint32Array(0),
    atNs: new Float64Array(0),
    freeAddress: new Float64Array(0),
    freeAtNs: new Float64Array(0),
  };
}

/** A probe with all its points attached and hit, but for what `change` says of one of them. */
export function simulatedProbe(
  name: string,
  points: readonly string[],
  change: Readonly<Record<string, Partial<PointState>>> = {},
): ProbeState {
  return {
    name,
    mode: name === 'cgo-malloc' ? 'aggregate' : 'stream',
    points: points.map(point => ({
      point,
      need: 'required' as const,
      attached: true,
      alternative: point,
      kind: 'cFunction',
      sites: [{ location: point, costClass: 'emulated', hits: 1000 }],
      ...change[point],
    })),
  };
}
