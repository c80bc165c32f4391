/**
 * Reads records out of a BPF ring buffer in place, without a copy and without libbpf.
 *
 *   consumer page   +0  u64 consumer_pos   written by us
 *   producer page   +0  u64 producer_pos   written by the kernel
 *   data, mapped twice in a row, so that a record which wraps is contiguous
 *     record        +0  u32 len: bit 31 busy, bit 30 discarded, the rest is the payload's length
 *                   +4  u32 pg_off
 *                   +8  payload, padded to 8 bytes
 *
 * Memory order (kernel/bpf/ringbuf.c): `__bpf_ringbuf_reserve` marks a record busy, then publishes
 * producer_pos with smp_store_release; `bpf_ringbuf_commit` clears the busy bit with xchg. So
 * producer_pos moves when a record is *reserved*, and says nothing about its payload: the reader
 * must take producer_pos with acquire, and then every single header with acquire, before it reads
 * that payload. It gives space back by a release store of consumer_pos, paired with
 * smp_load_acquire in reserve. `Atomics` on a typed array are sequentially consistent, which is
 * stronger than both on every architecture. On x86_64, whose loads are acquire loads by themselves
 * (Intel SDM 3A, 8.2.2), the header is read plainly: a third of the cost, and the JIT keeps the
 * order because it may not move a load of the payload above the branch on the header.
 */
import { Mapping, pageBytes } from '../libbpf/index.js';

const BUSY = 0x8000_0000;
const DISCARDED = 0x4000_0000;
const LENGTH = 0x3fff_ffff;
const HEADER_BYTES = 8;
const TWO_32 = 0x1_0000_0000;

/** Bytes that one step reads before it gives the space back to the kernel. */
export const STEP_BYTES = 1 << 20;

/**
 * Gets one record: its payload is `sizeBytes` long at `offset` of `view`. The view is the ring
 * itself: the bytes are overwritten once the step ends, so copy what must last.
 */
export type RecordHandler = (view: DataView, offset: number, sizeBytes: number) => void;

/** The memory of a ring: from the kernel, or made by a test. */
export interface RingMemory {
  /** First page: consumer_pos. */
  readonly consumer: ArrayBufferLike;
  /** producer_pos, then the data, twice. */
  readonly producer: ArrayBufferLike;
  /** Where the data start in `producer`: a page. */
  readonly dataOffsetBytes: number;
  readonly sizeBytes: number;
  /** Gives the memory back. Views may live on, and must then read as anything but a crash. */
  release(): void;
}

/**
 * Maps the ring behind `fd`, whose max_entries is `sizeBytes`. Throws Error when mmap refuses, as
 * it does when the size is wrong.
 */
export function mapRing(fd: number, sizeBytes: number): RingMemory {
  const page = pageBytes();
  const consumer = new Mapping({ fd, lengthBytes: page, offsetBytes: 0, access: 'read-write' });
  let producer: Mapping;
  try {
    const lengthBytes = page + 2 * sizeBytes;
    producer = new Mapping({ fd, lengthBytes, offsetBytes: page, access: 'read' });
  } catch (cause) {
    consumer.close();
    throw cause;
  }
  return {
    consumer: consumer.buffer,
    producer: producer.buffer,
    dataOffsetBytes: page,
    sizeBytes,
    release: () => {
      consumer.close();
      producer.close();
    },
  };
}

/** Options of a reader; the default follows the machine. */
export interface RingReaderOptions {
  /** Read every header by an acquire load. Default: wherever a plain load is not one. */
  readonly acquireHeaders?: boolean;
}

/**
 * The one consumer of a ring. After close() every method is a no-op that returns 0. Two ways to
 * read: `step` and `drain` call a handler for each record; a hot loop over `begin`, `next` and
 * `commit` costs half of that, because nothing stands between its own code and the record.
 */
export class RingReader {
  readonly #memory: RingMemory;
  readonly #consumerPosition: BigUint64Array;
  readonly #producerPosition: Uint32Array;
  readonly #headers: Uint32Array;
  readonly #wordMask: number;
  readonly #acquire: boolean;
  #position: number;
  /** Up to where lookAhead has been. */
  #looked = 0;
  /** Of the open step: the next record's header, and bytes up to the step's end. */
  #word = 0;
  #leftBytes = 0;
  #openedBytes = 0;
  #lengthBytes = 0;
  #reading = false;
  #closed = false;
  #discarded = 0;
  /** The ring's bytes, twice in a row; what `next` returns is an offset into it. */
  readonly view: DataView;

  /** Takes over `memory`; its size must be a power of two, as the kernel demands. */
  constructor(memory: RingMemory, options: RingReaderOptions = {}) {
    const { sizeBytes, dataOffsetBytes } = memory;
    if (sizeBytes <= 0 || (sizeBytes & (sizeBytes - 1)) !== 0) {
      throw new RangeError(`read ring of ${sizeBytes} bytes: not a power of two`);
    }
    this.#memory = memory;
    this.#consumerPosition = new BigUint64Array(memory.consumer, 0, 1);
    this.#producerPosition = new Uint32Array(memory.producer, 0, 2);
    this.#headers = new Uint32Array(memory.producer, dataOffsetBytes, (2 * sizeBytes) / 4);
    this.view = new DataView(memory.producer, dataOffsetBytes, 2 * sizeBytes);
    this.#wordMask = sizeBytes / 4 - 1;
    this.#acquire = options.acquireHeaders ?? process.arch !== 'x64';
    this.#position = Number(Atomics.load(this.#consumerPosition, 0));
  }

  /** Records that the probe reserved and then discarded, seen so far. */
  get discarded(): number {
    return this.#discarded;
  }

  /** Bytes between our position and the kernel's, records that are still being written included. */
  get availableBytes(): number {
    if (this.#closed) return 0;
    // The low words suffice: a ring never holds more than half of 2^32 bytes.
    return (Atomics.load(this.#producerPosition, 0) - (this.#position % TWO_32)) >>> 0;
  }

  /** Payload bytes of the record that `next` returned last. */
  get lengthBytes(): number {
    return this.#lengthBytes;
  }

  /**
   * Opens a step over at most `maxBytes` of records; `commit` must follow, in a `finally`. Throws
   * Error inside an open step.
   */
  begin(maxBytes: number = STEP_BYTES): void {
    if (this.#reading) throw new Error('read ring: a record handler tried to read the ring');
    this.#reading = true;
    this.#leftBytes = this.#openedBytes = Math.min(this.availableBytes, maxBytes);
    this.#word = ((this.#position % TWO_32) >>> 2) & this.#wordMask;
  }

  /**
   * Offset in `view` of the next record's payload; -1 at the step's end and at a record that is
   * still being written. The bytes are the ring itself and are overwritten after `commit`.
   */
  next(): number {
    // Words, not bytes, and a position inside the ring: all of it stays in 32-bit integers.
    while (this.#leftBytes > 0) {
      const word = this.#word;
      const header = this.#acquire
        ? Atomics.load(this.#headers, word)
        : (this.#headers[word] as number);
      if ((header & BUSY) !== 0) return -1;
      const length = header & LENGTH;
      const advance = (length + HEADER_BYTES + 7) & ~7;
      this.#word = (word + (advance >>> 2)) & this.#wordMask;
      this.#leftBytes -= advance;
      if ((header & DISCARDED) === 0) {
        this.#lengthBytes = length;
        return (word << 2) + HEADER_BYTES;
      }
      this.#discarded++;
    }
    return -1;
  }

  /** Ends the step: gives the space of what was read back. False when that was nothing. */
  commit(): boolean {
    if (!this.#reading) return false;
    const used = this.#openedBytes - this.#leftBytes;
    this.#reading = false;
    this.#leftBytes = this.#openedBytes = 0;
    this.#position += used;
    if (used > 0) Atomics.store(this.#consumerPosition, 0, BigInt(this.#position));
    if (this.#closed) this.#memory.release();
    return used > 0;
  }

  /**
   * Hands up to `maxBytes` of records to `handler` and gives their space back. Returns how many
   * records it handed over: 0 when there are none, or when the first is still being written. If the
   * handler throws, its record counts as read, the position is stored, and the error passes on.
   */
  step(handler: RecordHandler, maxBytes: number = STEP_BYTES): number {
    if (this.#closed) return 0;
    let records = 0;
    this.begin(maxBytes);
    try {
      for (let offset = this.next(); offset >= 0; offset = this.next()) {
        records++;
        handler(this.view, offset, this.#lengthBytes);
      }
    } finally {
      this.commit();
    }
    return records;
  }

  /**
   * Steps through all that is in the ring now, or up to a record that is still being written. What
   * comes meanwhile is left: a producer that is as fast as its reader would keep it here for ever.
   * Returns the number of records.
   */
  drain(handler: RecordHandler): number {
    const end = this.#position + this.availableBytes;
    let total = 0;
    for (let before = -1; this.#position < end && this.#position !== before;) {
      before = this.#position;
      total += this.step(handler);
    }
    return total;
  }

  /**
   * Shows `handler` every finished record that no earlier look has shown, up to the first that is
   * still being written, and reads none of them: their space stays taken. Returns how many; ends
   * after `maxBytes` of them. For what must not wait until all that lies before it has been read.
   */
  lookAhead(handler: RecordHandler, maxBytes: number = STEP_BYTES): number {
    if (this.#closed || this.#reading) return 0;
    let records = 0;
    let at = Math.max(this.#looked, this.#position);
    const end = Math.min(this.#position + this.availableBytes, at + maxBytes);
    while (at < end) {
      const word = ((at % TWO_32) >>> 2) & this.#wordMask;
      const header = Atomics.load(this.#headers, word);
      if ((header & BUSY) !== 0) break;
      const length = header & LENGTH;
      at += (length + HEADER_BYTES + 7) & ~7;
      this.#looked = at;
      if ((header & DISCARDED) !== 0) continue;
      records++;
      handler(this.view, (word << 2) + HEADER_BYTES, length);
    }
    return records;
  }

  /** Gives the mapping back; safe within a handler, and for views that outlive it. Idempotent. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    if (!this.#reading) this.#memory.release();
  }
}
