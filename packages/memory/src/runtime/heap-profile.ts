/**
 * Go's own heap profile of a running program, from the buckets of runtime/mprof.go: per stack, how
 * many sampled objects were born and died. What a reader would get wrong: the published record is
 * the state at the end of the collection before the last; what came since waits in three future
 * records. And counts are of samples, one for each MemProfileRate bytes on average: the estimate
 * divides by the chance of having been sampled, as pprof does.
 *
 * A bucket, followed by its stack and its record:
 *   next, allnext, typ, hash, size, nstk | nstk words of stack | active, future[3]
 * A cycle of a record: allocs, frees and, until 1.26, bytes of both.
 */
import {
  LIMITS,
  type LiveRuntime,
  readCount,
  readWord,
  RuntimeReadError,
  viewOf,
} from './runtime-reader.js';

const OPERATION = 'read heap profile';
const CYCLES = 4;
/** runtime/mprof.go, bucketType: memProfile 1, blockProfile 2, mutexProfile 3. */
const MEM_PROFILE = 1n;

/** Births and deaths of sampled objects. */
export interface SampleCounts {
  readonly allocs: number;
  readonly frees: number;
  readonly allocBytes: number;
  readonly freeBytes: number;
}

/** One stack's samples of one size. */
export interface HeapProfileEntry {
  /** Return addresses, innermost first, as the runtime keeps them. */
  readonly stack: readonly bigint[];
  /** Bytes of one object. */
  readonly objectBytes: number;
  /** As published at the end of the collection before the last. */
  readonly active: SampleCounts;
  /** What happened since and is not published yet. */
  readonly future: SampleCounts;
  /** Estimate of the live objects: samples, divided by the chance of being one. */
  readonly liveObjects: number;
  readonly liveBytes: number;
  /** The same estimate of all objects ever born. */
  readonly bornObjects: number;
  readonly bornBytes: number;
}

/** Every stack that the runtime sampled, with sums. */
export interface HeapProfile {
  /** MemProfileRate: average bytes between samples; 0 is off; undefined where it was not found. */
  readonly rateBytes: number | undefined;
  /** By falling live bytes. */
  readonly entries: readonly HeapProfileEntry[];
  /** Sums of the published records. */
  readonly active: SampleCounts;
  /** True where nothing was ever published, so that the future records are what was estimated. */
  readonly unpublished: boolean;
  /** Sums over the estimates. */
  readonly liveBytes: number;
  readonly liveObjects: number;
  /** Records that still contradicted themselves after several readings. */
  readonly torn: number;
}

/** What is read of one bucket. */
interface Bucket {
  readonly address: bigint;
  readonly objectBytes: number;
  readonly stack: readonly bigint[];
  readonly cycles: readonly SampleCounts[];
  readonly next: bigint;
  readonly torn: boolean;
}

const NOTHING: SampleCounts = { allocs: 0, frees: 0, allocBytes: 0, freeBytes: 0 };

function plus(a: SampleCounts, b: SampleCounts): SampleCounts {
  return {
    allocs: a.allocs + b.allocs,
    frees: a.frees + b.frees,
    allocBytes: a.allocBytes + b.allocBytes,
    freeBytes: a.freeBytes + b.freeBytes,
  };
}

/**
 * Reads all buckets. Throws RuntimeReadError where the list was not found, runs in a circle, or
 * holds what is no bucket. Costs a system call or two a bucket, some 4 µs.
 */
export function readHeapProfile(live: LiveRuntime): HeapProfile {
  const { memory, globals } = live;
  if (globals.mbuckets === undefined) {
    throw new RuntimeReadError(OPERATION, 'runtime.mbuckets was not found', 0n);
  }
  const rate = globals.memProfileRate;
  const rateBytes = rate === undefined ? undefined : readCount(viewOf(memory.read(rate, 8)), 0);
  const buckets: Bucket[] = [];
  const seen = new Set<bigint>();
  let at = readWord(viewOf(memory.read(globals.mbuckets, 8)), 0);
  const reader = new BucketReader(live);
  while (at !== 0n) {
    if (seen.has(at)) throw new RuntimeReadError(OPERATION, 'buckets run in a circle', at);
    if (seen.size >= LIMITS.buckets) throw new RuntimeReadError(OPERATION, 'too many buckets', at);
    seen.add(at);
    const bucket = reader.read(at);
    buckets.push(bucket);
    at = bucket.next;
  }
  return profileOf(buckets, rateBytes);
}

function profileOf(buckets: readonly Bucket[], rateBytes: number | undefined): HeapProfile {
  const active = buckets.map(b => b.cycles[0]!).reduce(plus, NOTHING);
  // Before the first collection nothing is published; runtime.MemProfile then adds up all cycles.
  const unpublished = active.allocs === 0 && active.frees === 0;
  const entries = buckets.map(bucket => entryOf(bucket, unpublished, rateBytes));
  entries.sort((a, b) => b.liveBytes - a.liveBytes);
  return {
    rateBytes,
    entries,
    active,
    unpublished,
    liveBytes: entries.reduce((sum, each) => sum + each.liveBytes, 0),
    liveObjects: entries.reduce((sum, each) => sum + each.liveObjects, 0),
    torn: buckets.filter(bucket => bucket.torn).length,
  };
}

function entryOf(
  bucket: Bucket,
  unpublished: boolean,
  rateBytes: number | undefined,
): HeapProfileEntry {
  const active = bucket.cycles[0]!;
  const future = bucket.cycles.slice(1).reduce(plus, NOTHING);
  const counted = unpublished ? future : active;
  const scale = scaleOf(bucket.objectBytes, rateBytes);
  const born = Math.trunc(counted.allocs * scale);
  // The runtime may have counted a death whose birth it has not published yet.
  const living = Math.max(0, counted.allocs - counted.frees);
  return {
    stack: bucket.stack,
    objectBytes: bucket.objectBytes,
    active,
    future,
    liveObjects: Math.trunc(living * scale),
    liveBytes: Math.trunc(living * bucket.objectBytes * scale),
    bornObjects: born,
    bornBytes: Math.trunc(counted.allocs * bucket.objectBytes * scale),
  };
}

/** How many objects one sample stands for (runtime/pprof/protomem.go, scaleHeapSample). */
function scaleOf(objectBytes: number, rateBytes: number | undefined): number {
  if (rateBytes === undefined || rateBytes <= 1 || objectBytes === 0) return 1;
  return 1 / (1 - Math.exp(-objectBytes / rateBytes));
}

/** Reads one bucket after the other. */
class BucketReader {
  readonly #live: LiveRuntime;
  readonly #headBytes: number;
  readonly #cycleBytes: number;
  readonly #hasBytes: boolean;

  constructor(live: LiveRuntime) {
    this.#live = live;
    const { offsets } = live;
    this.#headBytes = offsets.need('bucket.sizeof');
    this.#cycleBytes = offsets.need('memRecord.sizeof') / CYCLES;
    // 8 bytes each: allocs, frees and, until 1.26, alloc_bytes and free_bytes.
    this.#hasBytes = this.#cycleBytes === 32;
  }

  read(address: bigint): Bucket {
    const { memory, offsets } = this.#live;
    // A guess at the length reads most buckets at once: their stacks are rarely deeper.
    const guess = this.#headBytes + 8 * 32 + CYCLES * this.#cycleBytes;
    const [first] = memory.readMany([{ address, length: guess }]);
    const head = first ?? memory.read(address, this.#headBytes);
    const view = viewOf(head);
    const words = readWord(view, offsets.need('bucket.nstk'));
    if (words > BigInt(LIMITS.stackWords)) {
      throw new RuntimeReadError(OPERATION, 'absurd stack depth', address, words);
    }
    const type = offsets.get('bucket.typ');
    if (type !== undefined && readWord(view, type) !== MEM_PROFILE) {
      const value = readWord(view, type);
      throw new RuntimeReadError(OPERATION, 'not a bucket of the heap profile', address, value);
    }
    const depth = Number(words);
    const length = this.#headBytes + 8 * depth + CYCLES * this.#cycleBytes;
    const whole = viewOf(length <= head.length ? head : memory.read(address, length));
    const objectBytes = readCount(whole, offsets.need('bucket.size'));
    const stack = Array.from({ length: depth }, (_, i) => readWord(whole, this.#headBytes + 8 * i));
    const record = address + BigInt(this.#headBytes + 8 * depth);
    return {
      address,
      objectBytes,
      stack,
      next: readWord(whole, offsets.need('bucket.allnext')),
      ...this.#record(whole, this.#headBytes + 8 * depth, record, objectBytes),
    };
  }

  /** The record; read again while its bytes are not its count times the object's size. */
  #record(
    view: DataView,
    at: number,
    address: bigint,
    objectBytes: number,
  ): { readonly cycles: readonly SampleCounts[]; readonly torn: boolean } {
    let cycles = this.#cycles(view, at, objectBytes);
    let torn = !this.#agrees(cycles, objectBytes);
    for (let tries = 1; torn && tries < LIMITS.tries; tries++) {
      const length = CYCLES * this.#cycleBytes;
      cycles = this.#cycles(viewOf(this.#live.memory.read(address, length)), 0, objectBytes);
      torn = !this.#agrees(cycles, objectBytes);
    }
    return { cycles, torn };
  }

  #cycles(view: DataView, at: number, objectBytes: number): SampleCounts[] {
    return Array.from({ length: CYCLES }, (_, i) => {
      const start = at + i * this.#cycleBytes;
      const allocs = readCount(view, start);
      const frees = readCount(view, start + 8);
      return {
        allocs,
        frees,
        allocBytes: this.#hasBytes ? readCount(view, start + 16) : allocs * objectBytes,
        freeBytes: this.#hasBytes ? readCount(view, start + 24) : frees * objectBytes,
      };
    });
  }

  #agrees(cycles: readonly SampleCounts[], objectBytes: number): boolean {
    return cycles.every(
      ({ allocs, frees, allocBytes, freeBytes }) =>
        allocBytes === allocs * objectBytes && freeBytes === frees * objectBytes,
    );
  }
}
