/**
 * Memory that both JavaScript and the kernel see. The fact that is easy to get wrong: an
 * ArrayBuffer over memory that was unmapped does not throw, it kills the process; so mappings here
 * are never simply unmapped while a view may live (see {@link Mapping.close}).
 */
import koffi from 'koffi';
import { errnoText, lastErrno, libc, type Pointer } from './library.js';

const PROT_READ = 1;
const PROT_WRITE = 2;
const PROT_EXEC = 4;
const MAP_SHARED = 0x01;
const MAP_PRIVATE = 0x02;
const MAP_FIXED = 0x10;
const MAP_ANONYMOUS = 0x20;
const MAP_NORESERVE = 0x4000;
/** mmap's (void *)-1 as koffi returns it. */
const MAP_FAILED = 0xffff_ffff_ffff_ffffn;

/** Size of a memory page of this machine in bytes: 4096, or up to 65536 on arm64. */
export function pageBytes(): number {
  return Number(libc().getpagesize());
}

/** Bytes at a stable address, for structs that hold pointers and for what C keeps between calls. */
export class NativeMemory {
  readonly address: bigint;
  readonly view: DataView;
  readonly bytes: Uint8Array;
  #freed = false;

  /**
   * Allocates `sizeBytes` bytes, ours until free(). They are zero, unless `zeroed` is false: then
   * only the first is, which makes them an empty text without touching megabytes of pages.
   */
  constructor(
    readonly sizeBytes: number,
    zeroed = true,
  ) {
    this.address = BigInt(koffi.alloc('uint8', sizeBytes) as bigint);
    const buffer = koffi.view(this.address, sizeBytes);
    this.view = new DataView(buffer);
    this.bytes = new Uint8Array(buffer);
    this.bytes.fill(0, 0, zeroed ? sizeBytes : 1);
  }

  /** The bytes up to the first NUL as text. */
  text(): string {
    const end = this.bytes.indexOf(0);
    return Buffer.from(this.bytes.subarray(0, end < 0 ? this.sizeBytes : end)).toString('utf8');
  }

  /** Returns the memory to C. `view` and `bytes` must not be used afterwards. Idempotent. */
  free(): void {
    if (this.#freed) return;
    this.#freed = true;
    koffi.free(this.address);
  }
}

/** A C string at a stable address, for structs that point to it. */
export function nativeString(text: string): NativeMemory {
  const encoded = Buffer.from(`${text}\0`, 'utf8');
  const memory = new NativeMemory(encoded.length);
  memory.bytes.set(encoded);
  return memory;
}

/** A view over C memory that libbpf owns, valid as long as libbpf says; never free it. */
export function foreignView(address: Pointer, sizeBytes: number): DataView {
  return new DataView(koffi.view(address, sizeBytes));
}

/** Where and how much to map of a file descriptor. */
export interface MappingOptions {
  readonly fd: number;
  readonly lengthBytes: number;
  readonly offsetBytes: number;
  readonly access: 'read' | 'read-write' | 'execute';
}

const released = new FinalizationRegistry<{ address: bigint; lengthBytes: number }>(range => {
  libc().munmap(range.address, range.lengthBytes);
});

/** A mapping of a file descriptor that stays safe to read after close(). */
export class Mapping {
  readonly address: bigint;
  readonly buffer: ArrayBuffer;
  readonly #lengthBytes: number;
  #closed = false;

  /** Maps the range. Throws Error with the errno's text when mmap refuses. */
  constructor(options: MappingOptions) {
    const { fd, lengthBytes, offsetBytes, access } = options;
    const protection =
      access === 'execute'
        ? PROT_READ | PROT_EXEC
        : access === 'read'
          ? PROT_READ
          : PROT_READ | PROT_WRITE;
    const flags = access === 'execute' ? MAP_PRIVATE : MAP_SHARED;
    const address = libc().mmap(null, lengthBytes, protection, flags, fd, offsetBytes);
    if (address === null || BigInt(address) === MAP_FAILED) {
      throw new Error(`map ${lengthBytes} bytes of fd ${fd}: ${errnoText(lastErrno())}`);
    }
    this.address = BigInt(address);
    this.#lengthBytes = lengthBytes;
    this.buffer = koffi.view(this.address, lengthBytes);
  }

  /**
   * Gives the file's pages back at once, but leaves zero pages in their place, readable and
   * writable like before, until no ArrayBuffer refers to them: a cursor that outlives its ring
   * reads zeros instead of ending the process. Idempotent.
   */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    const flags = MAP_PRIVATE | MAP_FIXED | MAP_ANONYMOUS | MAP_NORESERVE;
    const protection = PROT_READ | PROT_WRITE;
    libc().mmap(this.address, this.#lengthBytes, protection, flags, -1, 0);
    released.register(this.buffer, { address: this.address, lengthBytes: this.#lengthBytes });
  }
}
