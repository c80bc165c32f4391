/**
 * What the readers of a live Go runtime are given: bytes of the process, the release's offsets and
 * constants, and where its globals stand. What a reader would get wrong: nothing here stops the
 * process, so every word may be of another moment than the word before it; each reader says how it
 * notices, and every loop is bounded by {@link LIMITS}, never by a word that was read.
 */

/** A range of the process's addresses. */
export interface MemoryRange {
  readonly address: bigint;
  readonly length: number;
}

/** The process, as bytes. */
export interface RuntimeMemory {
  /** Exactly `length` bytes; throws where they are not mapped. */
  read(address: bigint, length: number): Uint8Array;
  /** Many ranges nearly at one moment; undefined for one that is not mapped. */
  readMany(ranges: readonly MemoryRange[]): (Uint8Array | undefined)[];
}

/** Byte offsets of one release and architecture, by `<runtime type>.<field>`. */
export interface RuntimeOffsets {
  /** Undefined where the release lacks the field. */
  get(field: string): number | undefined;
  /** Throws a RangeError where the release lacks the field. */
  need(field: string): number;
}

/** Runtime addresses of the globals; absent ones were not found in the program. */
export interface RuntimeGlobalAddresses {
  readonly mheap?: bigint;
  readonly mbuckets?: bigint;
  readonly memProfileRate?: bigint;
  /** Of the slice header: pointer, length, capacity. */
  readonly allgs?: bigint;
}

/** Everything that a reader needs. */
export interface LiveRuntime {
  readonly memory: RuntimeMemory;
  readonly offsets: RuntimeOffsets;
  readonly globals: RuntimeGlobalAddresses;
}

/** Bounds of every loop. A program beyond them is refused in words, not read in part. */
export const LIMITS = {
  /** 16 million spans of one page are 128 GiB of heap. */
  spans: 1 << 24,
  goroutines: 1 << 24,
  buckets: 1 << 20,
  /** runtime/mprof.go: maxProfStackDepth is 1024, and two words more since 1.27. */
  stackWords: 1100,
  /** Frames of one goroutine; the runtime itself prints 100. */
  frames: 1024,
  /** Readings of something that moves while it is read. */
  tries: 6,
} as const;

/** The runtime's memory holds what cannot be. Answers: where, what was wrong, which value? */
export class RuntimeReadError extends Error {
  override readonly name = 'RuntimeReadError';

  constructor(
    operation: string,
    readonly what: string,
    readonly address: bigint,
    readonly value?: bigint | number,
  ) {
    const at = `at 0x${address.toString(16)}`;
    const found =
      value === undefined
        ? ''
        : `: ${typeof value === 'bigint' ? `0x${value.toString(16)}` : value}`;
    super(`${operation}: ${what} ${at}${found}`);
  }
}

/** A DataView over exactly the given bytes. */
export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** A pointer-sized word. */
export function readWord(view: DataView, at: number): bigint {
  return view.getBigUint64(at, true);
}

/** A word that counts or measures; what exceeds 2^53 is kept as the nearest number. */
export function readCount(view: DataView, at: number): number {
  return Number(view.getBigUint64(at, true));
}

/** A Go slice header, checked: the pointer is aligned, the length within `max`. */
export function readSlice(
  memory: RuntimeMemory,
  operation: string,
  address: bigint,
  max: number,
): { readonly pointer: bigint; readonly length: number } {
  const view = viewOf(memory.read(address, 16));
  const pointer = readWord(view, 0);
  const length = readWord(view, 8);
  if (length > BigInt(max)) throw new RuntimeReadError(operation, 'absurd length', address, length);
  if (length > 0n && (pointer === 0n || pointer % 8n !== 0n)) {
    throw new RuntimeReadError(operation, 'not a pointer', address, pointer);
  }
  return { pointer, length: Number(length) };
}

/** An array of pointers, in pieces of 1 MiB; throws what the memory throws where it ends. */
export function readPointers(memory: RuntimeMemory, pointer: bigint, count: number): bigint[] {
  const pointers: bigint[] = [];
  const step = 1 << 17;
  for (let first = 0; first < count; first += step) {
    const some = Math.min(step, count - first);
    const view = viewOf(memory.read(pointer + BigInt(8 * first), 8 * some));
    for (let i = 0; i < some; i++) pointers.push(readWord(view, 8 * i));
  }
  return pointers;
}
