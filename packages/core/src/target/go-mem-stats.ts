/**
 * runtime.MemStats of a running program, read from outside without stopping it, for every layout
 * that the runtime has had. What a reader would get wrong: the words move while they are read, so
 * a reading counts only when it satisfies the equations that the runtime itself checks with the
 * world stopped (runtime/mstats.go, readmemstats_m); and HeapAlloc lags behind by what the
 * processors' caches have not handed in yet, which ReadMemStats flushes first.
 *
 *   1.15        memstats holds everything as flat words, in use, idle and their sum
 *   1.16 – 1.18 heap words in memstats; stacks and GC memory as the sum of three heapStatsDelta
 *   1.19 on     heap words in gcController; the rest as before
 */
import { type GoOffsets, viewOf } from '@sonde/symbols';

/** How the reading reaches the process: undefined for a range that is not mapped. */
export interface MemStatsMemory {
  readMany(
    ranges: readonly { readonly address: bigint; readonly length: number }[],
  ): (Uint8Array | undefined)[];
}

/** Runtime addresses of the globals that hold the figures; absent ones were not found. */
export interface MemStatsGlobals {
  readonly memstats?: bigint;
  readonly gcController?: bigint;
  readonly mheap?: bigint;
}

/** Figures by the names of runtime.MemStats, in bytes but for the count of collections. */
export interface GoMemStats {
  readonly heapInUseBytes: number;
  readonly heapIdleBytes: number;
  readonly heapReleasedBytes: number;
  readonly heapSysBytes: number;
  /** Undefined for 1.15, which keeps no running total. */
  readonly heapAllocBytes: number | undefined;
  readonly stackInUseBytes: number;
  readonly stackSysBytes: number;
  readonly gcSysBytes: number;
  /** Undefined where mheap_ was not found. */
  readonly mspanInUseBytes: number | undefined;
  readonly mspanSysBytes: number;
  readonly mcacheSysBytes: number;
  readonly buckHashSysBytes: number;
  readonly otherSysBytes: number;
  /** MemStats.NumGC: collections that have finished. */
  readonly gcCycles: number;
  /** Readings that it took; more than one means that earlier ones contradicted themselves. */
  readonly tries: number;
  /**
   * False where the runtime's equations did not hold, though two readings in a row were equal:
   * the runtime's own bookkeeping is off by a little, as it may be while it is being traced.
   */
  readonly closed: boolean;
}

/** A reading of a busy program spoils now and then; so many in a row do not happen by chance. */
const TRIES = 24;
/** Deltas that the runtime accumulates in turn (runtime/mstats.go, consistentHeapStats). */
const DELTAS = 3;
const BYTES_MAX = 2 ** 47;
/** Heap figures count whole physical pages, whose size is at least this on every kernel. */
const PAGE_BYTES = 4096;
/** `struct { size uint32; nmalloc, nfree uint64 }` of memstats.by_size, until 1.18. */
const BY_SIZE_BYTES = 24;

/** One reading's words, each by `<type>.<field>` of the tables. */
class Words {
  readonly #ranges: { readonly address: bigint; readonly length: number }[] = [];
  readonly #places = new Map<string, readonly [range: number, at: number, bytes: number]>();
  #views: DataView[] = [];

  /** Plans to read a struct's fields with one range. Fields that the release lacks are left out. */
  plan(offsets: GoOffsets, base: bigint, fields: readonly string[], bytes = 8): this {
    const known = fields.filter(field => offsets.get(field) !== undefined);
    if (known.length === 0) return this;
    const at = known.map(field => offsets.need(field));
    const first = Math.min(...at);
    known.forEach((field, i) => {
      this.#places.set(field, [this.#ranges.length, at[i]! - first, bytes]);
    });
    const length = Math.max(...at) - first + bytes;
    this.#ranges.push({ address: base + BigInt(first), length });
    return this;
  }

  /** Plans to read `length` bytes as they are; returns their number for {@link raw}. */
  planRaw(address: bigint, length: number): number {
    return this.#ranges.push({ address, length }) - 1;
  }

  /** Reads all that was planned, at once; false where a part is not mapped. */
  read(memory: MemStatsMemory): boolean {
    const parts = memory.readMany(this.#ranges);
    if (parts.includes(undefined)) return false;
    this.#views = parts.map(part => viewOf(part!));
    return true;
  }

  has(field: string): boolean {
    return this.#places.has(field);
  }

  get(field: string): number {
    const [range, at, bytes] = this.#places.get(field)!;
    const view = this.#views[range]!;
    return bytes === 4 ? view.getUint32(at, true) : Number(view.getBigUint64(at, true));
  }

  raw(range: number): DataView {
    return this.#views[range]!;
  }

  /** All words as one text, to compare two readings. */
  text(): string {
    return this.#views
      .map(view => Buffer.from(view.buffer, view.byteOffset, view.byteLength).toString('latin1'))
      .join('');
  }
}

const SYS = ['stacks_sys', 'mspan_sys', 'mcache_sys', 'buckhash_sys', 'gcMiscSys', 'other_sys'];
const DELTA = ['committed', 'released', 'inHeap', 'inStacks', 'inWorkBufs', 'inPtrScalarBits'];

const plausible = (bytes: number): boolean => bytes >= 0 && bytes < BYTES_MAX;
const wholePages = (bytes: number): boolean => plausible(bytes) && bytes % PAGE_BYTES === 0;

/** What every layout yields, before the tries are counted. */
type Reading = Omit<GoMemStats, 'tries'>;

/** How the figures of one release are read; built once, read often. */
export class MemStatsReader {
  readonly #memory: MemStatsMemory;
  readonly #offsets: GoOffsets;
  readonly #words = new Words();
  readonly #deltas: number[] = [];
  readonly #classSizes: number | undefined;

  /** Undefined where a global was not found that the release keeps its figures in. */
  static open(
    memory: MemStatsMemory,
    offsets: GoOffsets,
    globals: MemStatsGlobals,
  ): MemStatsReader | undefined {
    const { memstats, gcController } = globals;
    const inController = offsets.get('gcControllerState.heapInUse') !== undefined;
    if (memstats === undefined || (inController && gcController === undefined)) return undefined;
    return new MemStatsReader(memory, offsets, memstats, globals);
  }

  private constructor(
    memory: MemStatsMemory,
    offsets: GoOffsets,
    memstats: bigint,
    globals: MemStatsGlobals,
  ) {
    this.#memory = memory;
    this.#offsets = offsets;
    const { gcController, mheap } = globals;
    const flat = ['heap_sys', 'heap_idle', 'heap_inuse', 'heap_released', 'stacks_inuse', 'gc_sys'];
    const ofMstats = (names: readonly string[]) => names.map(name => `mstats.${name}`);
    this.#words
      .plan(offsets, memstats, ofMstats([...flat, ...SYS]))
      .plan(offsets, memstats, ['mstats.numgc'], 4);
    if (gcController !== undefined) {
      const heap = ['heapInUse', 'heapReleased', 'heapFree', 'totalAlloc', 'totalFree'];
      const fields = heap.map(name => `gcControllerState.${name}`);
      this.#words.plan(offsets, gcController, fields);
    }
    const heapStats = offsets.get('mstats.heapStats');
    if (heapStats !== undefined) {
      const first = memstats + BigInt(heapStats + (offsets.get('consistentHeapStats.stats') ?? 0));
      const size = offsets.need('heapStatsDelta.sizeof');
      for (let i = 0; i < DELTAS; i++) {
        this.#deltas.push(this.#words.planRaw(first + BigInt(i * size), size));
      }
    }
    const bySize = offsets.get('mstats.by_size');
    if (bySize !== undefined && heapStats !== undefined) {
      const length = BY_SIZE_BYTES * this.#classes();
      this.#classSizes = this.#words.planRaw(memstats + BigInt(bySize), length);
    }
    const spanAlloc = offsets.get('mheap.spanalloc');
    const inUse = offsets.get('fixalloc.inuse');
    if (mheap !== undefined && spanAlloc !== undefined && inUse !== undefined) {
      this.#words.plan(offsets, mheap + BigInt(spanAlloc), ['fixalloc.inuse']);
    }
  }

  /** One consistent set; undefined when no try gave one, as before the runtime has started. */
  read(): GoMemStats | undefined {
    let last: string | undefined;
    for (let tries = 1; tries <= TRIES; tries++) {
      if (!this.#words.read(this.#memory)) return undefined;
      const reading = this.#reading();
      if (reading?.closed) return { ...reading, tries };
      const text = this.#words.text();
      if (tries === TRIES && reading !== undefined && text === last) return { ...reading, tries };
      last = text;
    }
    return undefined;
  }

  #reading(): Reading | undefined {
    const reading = this.#words.has('gcControllerState.heapInUse')
      ? this.#inController()
      : this.#deltas.length > 0
        ? this.#inMemstats()
        : this.#flat();
    const { heapInUseBytes, heapIdleBytes, heapReleasedBytes, stackInUseBytes } = reading;
    if (heapInUseBytes === 0) return undefined;
    const heap = [heapInUseBytes, heapIdleBytes, heapReleasedBytes];
    return heap.every(wholePages) && plausible(stackInUseBytes) ? reading : undefined;
  }

  /** Parts that every layout keeps in the same words. */
  #common(stacks: number, gcOther: number) {
    const sys = (name: string) =>
      this.#words.has(`mstats.${name}`) ? this.#words.get(`mstats.${name}`) : 0;
    const spans = this.#words.has('fixalloc.inuse') ? this.#words.get('fixalloc.inuse') : undefined;
    return {
      stackInUseBytes: stacks,
      stackSysBytes: stacks + sys('stacks_sys'),
      gcSysBytes: sys('gcMiscSys') + sys('gc_sys') + gcOther,
      mspanInUseBytes: spans,
      mspanSysBytes: sys('mspan_sys'),
      mcacheSysBytes: sys('mcache_sys'),
      buckHashSysBytes: sys('buckhash_sys'),
      otherSysBytes: sys('other_sys'),
      gcCycles: this.#words.get('mstats.numgc'),
    };
  }

  #inController(): Reading {
    const word = (name: string) => this.#words.get(`gcControllerState.${name}`);
    const delta = this.#deltaSums();
    const inUse = word('heapInUse');
    const released = word('heapReleased');
    const free = word('heapFree');
    const live = word('totalAlloc') - word('totalFree');
    return {
      ...this.#common(delta['inStacks']!, delta['inWorkBufs']! + delta['inPtrScalarBits']!),
      heapInUseBytes: inUse,
      heapIdleBytes: free + released,
      heapReleasedBytes: released,
      heapSysBytes: inUse + free + released,
      heapAllocBytes: live,
      closed: this.#closes(delta, inUse, released, inUse + free) && plausible(live),
    };
  }

  #inMemstats(): Reading {
    const word = (name: string) => this.#words.get(`mstats.${name}`);
    const delta = this.#deltaSums();
    const inUse = word('heap_inuse');
    const released = word('heap_released');
    const sys = word('heap_sys');
    const live = this.#allocatedBytes();
    return {
      ...this.#common(delta['inStacks']!, delta['inWorkBufs']! + delta['inPtrScalarBits']!),
      heapInUseBytes: inUse,
      heapIdleBytes: sys - inUse,
      heapReleasedBytes: released,
      heapSysBytes: sys,
      heapAllocBytes: live,
      closed: this.#closes(delta, inUse, released, sys - released),
    };
  }

  #flat(): Reading {
    const word = (name: string) => this.#words.get(`mstats.${name}`);
    const inUse = word('heap_inuse');
    const idle = word('heap_idle');
    const sys = word('heap_sys');
    return {
      ...this.#common(word('stacks_inuse'), 0),
      heapInUseBytes: inUse,
      heapIdleBytes: idle,
      heapReleasedBytes: word('heap_released'),
      heapSysBytes: sys,
      heapAllocBytes: undefined,
      closed: inUse + idle === sys,
    };
  }

  /** The runtime's own equations between the global words and the sum of the deltas. */
  #closes(
    delta: Readonly<Record<string, number>>,
    inUse: number,
    released: number,
    retained: number,
  ): boolean {
    const elsewhere = delta['inStacks']! + delta['inWorkBufs']! + delta['inPtrScalarBits']!;
    return (
      delta['inHeap'] === inUse &&
      delta['released'] === released &&
      delta['committed']! - elsewhere === retained
    );
  }

  /** Sums over the deltas, signed: each alone may be negative. */
  #deltaSums(): Record<string, number> {
    const sums: Record<string, number> = {};
    for (const name of DELTA) {
      const at = this.#offsets.get(`heapStatsDelta.${name}`);
      sums[name] = at === undefined ? 0 : this.#deltaWord(at);
    }
    return sums;
  }

  #deltaWord(at: number): number {
    let sum = 0n;
    for (const range of this.#deltas) sum += this.#words.raw(range).getBigInt64(at, true);
    return Number(sum);
  }

  /** Size classes: the words between the counts of births and the sum of large deaths. */
  #classes(): number {
    const small = this.#offsets.need('heapStatsDelta.smallAllocCount');
    return (this.#offsets.need('heapStatsDelta.largeFree') - small) / 8;
  }

  /** Births less deaths, from the counts per size class and the program's own table of sizes. */
  #allocatedBytes(): number | undefined {
    if (this.#classSizes === undefined) return undefined;
    const at = (field: string) => this.#offsets.need(`heapStatsDelta.${field}`);
    const sizes = this.#words.raw(this.#classSizes);
    let live = this.#deltaWord(at('largeAlloc')) - this.#deltaWord(at('largeFree'));
    for (let i = 0; i < this.#classes(); i++) {
      const born = this.#deltaWord(at('smallAllocCount') + 8 * i);
      const dead = this.#deltaWord(at('smallFreeCount') + 8 * i);
      live += (born - dead) * sizes.getUint32(i * BY_SIZE_BYTES, true);
    }
    return plausible(live) ? live : undefined;
  }
}
