/**
 * A ring buffer in ordinary memory, with the kernel's producer side played by the test. The fact
 * that is easy to get wrong: the kernel maps the data twice, so a record that wraps is contiguous;
 * here both copies are written.
 */
import type { RingMemory } from '../ringbuf/index.js';

const BUSY = 0x8000_0000;
const DISCARDED = 0x4000_0000;
const DATA_OFFSET = 4096;

/** Memory for a RingReader, and the producer's steps: reserve, then submit or discard. */
export class MemoryRing implements RingMemory {
  readonly consumer = new ArrayBuffer(4096);
  readonly producer: ArrayBuffer;
  readonly dataOffsetBytes = DATA_OFFSET;
  readonly #view: DataView;
  readonly #position: BigUint64Array;
  released = false;

  /** `startPosition` sets both positions, e.g. just below 2^32 to test that they pass it. */
  constructor(
    readonly sizeBytes: number,
    startPosition = 0n,
  ) {
    this.producer = new ArrayBuffer(DATA_OFFSET + 2 * sizeBytes);
    this.#view = new DataView(this.producer, DATA_OFFSET);
    this.#position = new BigUint64Array(this.producer, 0, 1);
    this.#position[0] = startPosition;
    new BigUint64Array(this.consumer)[0] = startPosition;
  }

  /** Where the consumer says it is. */
  get consumerPosition(): bigint {
    return new BigUint64Array(this.consumer)[0] as bigint;
  }

  /**
   * Reserves room, as bpf_ringbuf_reserve does: busy, and visible at once. Returns the record's
   * place, or undefined when the ring is full.
   */
  reserve(payloadBytes: number): number | undefined {
    const total = (payloadBytes + 15) & ~7;
    const position = this.#position[0] as bigint;
    if (position + BigInt(total) - this.consumerPosition > BigInt(this.sizeBytes)) return undefined;
    const at = Number(position % BigInt(this.sizeBytes));
    this.#header(at, (payloadBytes | BUSY) >>> 0);
    this.#position[0] = position + BigInt(total);
    return at;
  }

  /** Fills and submits a reserved record. */
  submit(at: number, payload: Uint8Array): void {
    payload.forEach((byte, i) => {
      const offset = (at + 8 + i) % this.sizeBytes;
      this.#view.setUint8(offset, byte);
      this.#view.setUint8(offset + this.sizeBytes, byte);
    });
    this.#header(at, payload.length);
  }

  /** Discards a reserved record of `payloadBytes`. */
  discard(at: number, payloadBytes: number): void {
    this.#header(at, payloadBytes | DISCARDED);
  }

  #header(at: number, value: number): void {
    this.#view.setUint32(at, value, true);
    this.#view.setUint32(at + this.sizeBytes, value, true);
  }

  release(): void {
    this.released = true;
  }
}
