/**
 * A process's memory made of parts, with offsets that tests choose. What a reader would get wrong:
 * a hook runs before each system call's worth of reads, so that a test can change words between
 * two of them, as a running program does.
 */
import type {
  LiveRuntime,
  MemoryRange,
  RuntimeGlobalAddresses,
} from '../runtime/runtime-reader.js';

/** Memory that a test writes words to. */
export class FakeRuntime {
  /** Called before each batch of reads, with its number from 1 on. */
  onRead: (batch: number) => void = () => undefined;
  readonly #bytes = new Map<bigint, number>();
  #batches = 0;

  /** Writes a word of 1, 2, 4 or 8 bytes. */
  write(address: bigint, value: bigint | number, bytes = 8): this {
    let rest = BigInt.asUintN(8 * bytes, BigInt(value));
    for (let i = 0; i < bytes; i++, rest >>= 8n) {
      this.#bytes.set(address + BigInt(i), Number(rest & 0xffn));
    }
    return this;
  }

  /** Maps zeros. */
  map(address: bigint, length: number): this {
    for (let i = 0; i < length; i++) this.#bytes.set(address + BigInt(i), 0);
    return this;
  }

  /** What the readers take. */
  live(offsets: Readonly<Record<string, number>>, globals: RuntimeGlobalAddresses): LiveRuntime {
    const readMany = (ranges: readonly MemoryRange[]) => {
      this.onRead(++this.#batches);
      return ranges.map(range => this.#read(range));
    };
    return {
      memory: {
        read: (address, length) => {
          const [bytes] = readMany([{ address, length }]);
          if (bytes === undefined) throw new Error(`read 0x${address.toString(16)}: not mapped`);
          return bytes;
        },
        readMany,
      },
      offsets: {
        get: field => offsets[field],
        need: field => {
          const offset = offsets[field];
          if (offset === undefined) throw new RangeError(`read offset ${field}: not in table`);
          return offset;
        },
      },
      globals,
    };
  }

  #read({ address, length }: MemoryRange): Uint8Array | undefined {
    const bytes = new Uint8Array(length);
    for (let i = 0; i < length; i++) {
      const byte = this.#bytes.get(address + BigInt(i));
      if (byte === undefined) return undefined;
      bytes[i] = byte;
    }
    return bytes;
  }
}
