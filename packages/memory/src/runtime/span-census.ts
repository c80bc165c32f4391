/**
 * A census of the Go heap's spans, from mheap_.allspans: what is in use, by size class, and every
 * large object by itself. What a reader would get wrong: an object counts until it is swept, so
 * garbage of the last cycle is in here; free slots of a span in use are fragmentation, they are
 * resident and only objects of the same class can use them.
 *
 * Torn readings are found by the runtime's own sum, mheap_.pagesInUse, read before and after.
 */
import {
  LIMITS,
  type LiveRuntime,
  readCount,
  readPointers,
  readSlice,
  RuntimeReadError,
  viewOf,
} from './runtime-reader.js';

const OPERATION = 'count spans';
/** runtime/sizeclasses.go, _PageSize: the runtime's own pages, on every architecture. */
const RUNTIME_PAGE_BYTES = 8192;
/** runtime/mheap.go, mSpanState: mSpanDead 0, mSpanInUse 1, mSpanManual 2. */
const IN_USE = 1;
const MANUAL = 2;

/** Spans of one size class; scannable objects and those without pointers are apart. */
export interface SizeClassCensus {
  /** Bytes of one slot. */
  readonly slotBytes: number;
  /** True where the objects hold no pointers. */
  readonly noscan: boolean;
  readonly spans: number;
  /** Bytes of the spans, tails that fit no slot included. */
  readonly spanBytes: number;
  /** Slots in use: objects, dead ones that are not swept yet included. */
  readonly objects: number;
  readonly slots: number;
  /** Bytes of slots that hold no object. */
  readonly freeBytes: number;
}

/** A large object: it has its span to itself. */
export interface LargeObject {
  readonly address: bigint;
  readonly bytes: number;
  readonly noscan: boolean;
}

/** All spans of one moment, as far as a running process has one. */
export interface SpanCensus {
  /** Bytes of spans in use: MemStats.HeapInuse. */
  readonly inUseBytes: number;
  /** Bytes of stacks and other memory that is not collected: MemStats.StackInuse at rest. */
  readonly manualBytes: number;
  /** Bytes of objects, dead ones that are not swept yet included. */
  readonly objectBytes: number;
  readonly objects: number;
  /** By falling bytes of spans; large objects are not among them. */
  readonly classes: readonly SizeClassCensus[];
  /** By falling size. */
  readonly large: readonly LargeObject[];
  /** Spans of allspans, free ones included. */
  readonly spans: number;
  /** Spans whose memory could not be read. */
  readonly unreadable: number;
  /** mheap_.pagesInUse in bytes, read after the walk. */
  readonly runtimeInUseBytes: number;
  /** True where the sum over the spans is what the runtime says, before and after the walk. */
  readonly closed: boolean;
  readonly tries: number;
}

type Reading = Omit<SpanCensus, 'tries'>;

/** The fields of mspan that are read, as one range. */
interface SpanLayout {
  readonly first: number;
  readonly length: number;
  readonly field: (name: string) => number;
  /** nelems became 2 bytes in 1.22, where it moved next to freeindex. */
  readonly elementsBytes: 2 | 8;
}

const FIELDS = ['startAddr', 'npages', 'nelems', 'allocCount', 'spanclass', 'state', 'elemsize'];

function layoutOf({ offsets }: LiveRuntime): SpanLayout {
  const at = FIELDS.map(name => offsets.need(`mspan.${name}`));
  const first = Math.min(...at);
  const length = Math.max(...at) + 8 - first;
  const narrow = offsets.need('mspan.nelems') - offsets.need('mspan.freeindex') === 2;
  const field = (name: string) => offsets.need(`mspan.${name}`) - first;
  return { first, length, field, elementsBytes: narrow ? 2 : 8 };
}

/**
 * Counts the spans. Throws RuntimeReadError where mheap_ was not found or its list of spans is
 * absurd. A reading that does not add up is repeated, then given with `closed: false`. Costs one
 * system call for each thousand spans, some 0.3 µs a span.
 */
export function censusSpans(live: LiveRuntime): SpanCensus {
  const layout = layoutOf(live);
  let best: Reading | undefined;
  for (let tries = 1; tries <= LIMITS.tries; tries++) {
    const reading = readSpans(live, layout);
    if (reading.closed || tries === LIMITS.tries) {
      return { ...closest(best, reading), tries };
    }
    best = closest(best, reading);
  }
  throw new RangeError('unreachable: the last try returns');
}

function gapOf(reading: Reading): number {
  return Math.abs(reading.inUseBytes - reading.runtimeInUseBytes);
}

function closest(a: Reading | undefined, b: Reading): Reading {
  return a === undefined || b.closed || gapOf(b) <= gapOf(a) ? b : a;
}

function pagesInUse({ memory, offsets }: LiveRuntime, mheap: bigint): number {
  const at = mheap + BigInt(offsets.need('mheap.pagesInUse'));
  return readCount(viewOf(memory.read(at, 8)), 0) * RUNTIME_PAGE_BYTES;
}

function readSpans(live: LiveRuntime, layout: SpanLayout): Reading {
  const { memory, offsets, globals } = live;
  const { mheap } = globals;
  if (mheap === undefined) throw new RuntimeReadError(OPERATION, 'mheap_ was not found', 0n);
  const before = pagesInUse(live, mheap);
  const list = mheap + BigInt(offsets.need('mheap.allspans'));
  const { pointer, length } = readSlice(memory, OPERATION, list, LIMITS.spans);
  const spans = readPointers(memory, pointer, length);
  const bytes = memory.readMany(
    spans.map(span => ({ address: span + BigInt(layout.first), length: layout.length })),
  );
  const tally = new Tally(layout);
  for (const each of bytes) tally.add(each);
  const after = pagesInUse(live, mheap);
  const sum = tally.result();
  const closed = before === after && sum.inUseBytes === after && sum.unreadable === 0;
  return { ...sum, spans: length, runtimeInUseBytes: after, closed };
}

interface ClassSum {
  readonly slotBytes: number;
  readonly noscan: boolean;
  spans: number;
  spanBytes: number;
  objects: number;
  slots: number;
}

/** Adds spans up. */
class Tally {
  readonly #layout: SpanLayout;
  readonly #classes = new Map<number, ClassSum>();
  readonly #large: LargeObject[] = [];
  #inUseBytes = 0;
  #manualBytes = 0;
  #objectBytes = 0;
  #objects = 0;
  #unreadable = 0;

  constructor(layout: SpanLayout) {
    this.#layout = layout;
  }

  add(bytes: Uint8Array | undefined): void {
    if (bytes === undefined) {
      this.#unreadable++;
      return;
    }
    const view = viewOf(bytes);
    const { field, elementsBytes } = this.#layout;
    const state = view.getUint8(field('state'));
    const spanBytes = readCount(view, field('npages')) * RUNTIME_PAGE_BYTES;
    if (state === MANUAL) this.#manualBytes += spanBytes;
    if (state !== IN_USE) return;
    this.#inUseBytes += spanBytes;
    const spanClass = view.getUint8(field('spanclass'));
    const objects = view.getUint16(field('allocCount'), true);
    const slotBytes = readCount(view, field('elemsize'));
    this.#objects += objects;
    this.#objectBytes += objects * slotBytes;
    // The class is the number without its last bit, which is set for noscan; class 0 is large.
    const noscan = (spanClass & 1) === 1;
    if (spanClass >> 1 === 0) {
      const address = view.getBigUint64(field('startAddr'), true);
      this.#large.push({ address, bytes: slotBytes, noscan });
      return;
    }
    const at = field('nelems');
    const slots = elementsBytes === 2 ? view.getUint16(at, true) : readCount(view, at);
    this.#count(spanClass, { slotBytes, noscan, spans: 1, spanBytes, objects, slots });
  }

  #count(spanClass: number, one: ClassSum): void {
    const sum = this.#classes.get(spanClass);
    if (sum === undefined) {
      this.#classes.set(spanClass, one);
      return;
    }
    sum.spans++;
    sum.spanBytes += one.spanBytes;
    sum.objects += one.objects;
    sum.slots += one.slots;
  }

  result(): Omit<Reading, 'spans' | 'runtimeInUseBytes' | 'closed'> {
    const classes = [...this.#classes.values()]
      .map(sum => ({ ...sum, freeBytes: (sum.slots - sum.objects) * sum.slotBytes }))
      .sort((a, b) => b.spanBytes - a.spanBytes);
    return {
      inUseBytes: this.#inUseBytes,
      manualBytes: this.#manualBytes,
      objectBytes: this.#objectBytes,
      objects: this.#objects,
      classes,
      large: this.#large.sort((a, b) => b.bytes - a.bytes),
      unreadable: this.#unreadable,
    };
  }
}
