/**
 * Reads of the target's memory, by process_vm_readv(2) or, where that is refused, /proc/PID/mem;
 * and of its page table through pagemap. What a reader would get wrong: the target is never
 * stopped, so several words need not belong to one moment; and reading a page that was never
 * touched makes page tables grow.
 */
import { closeSync, openSync, readSync } from 'node:fs';
import { UsageError } from '../errors.js';
import { type MemoryRange, ScatterReader } from '../libbpf/index.js';
import { pageSize } from './proc.js';

/** A half-open range of the target's addresses. */
export interface AddressRange {
  readonly start: bigint;
  readonly end: bigint;
}

/** A length above this is a damaged word, not memory that anybody wants at once. */
const READ_BYTES_MAX = 256 * 1024 * 1024;
const PAGEMAP_ENTRY_BYTES = 8;
/** Entries read at once; 8192 of them cover 32 MiB of 4 KiB pages. */
const PAGEMAP_WINDOW = 8192;

/** Open handles on one process's memory. */
export class MemoryReader {
  readonly #pid: number;
  readonly #mem: number;
  readonly #pagemap: number;
  readonly #pageBytes = pageSize();
  #scatter: ScatterReader | undefined;
  #open = true;

  /** Throws the system's error when the memory may not be read. */
  constructor(pid: number) {
    this.#pid = pid;
    this.#mem = openSync(`/proc/${pid}/mem`, 'r');
    try {
      this.#pagemap = openSync(`/proc/${pid}/pagemap`, 'r');
    } catch (error) {
      closeSync(this.#mem);
      throw error;
    }
    this.#scatter = new ScatterReader(pid);
  }

  /** Which door the reads go through. */
  get means(): 'process_vm_readv' | '/proc/PID/mem' {
    return this.#scatter === undefined ? '/proc/PID/mem' : 'process_vm_readv';
  }

  /** Exactly `length` bytes; throws UsageError when they are not mapped or the target is gone. */
  read(address: bigint, length: number): Uint8Array {
    const [bytes] = this.readMany([{ address, length }]);
    if (bytes === undefined) throw this.#unreadable(address, length, undefined);
    return bytes;
  }

  /**
   * The bytes of many ranges, in order and nearly at one moment (1024 ranges a system call);
   * undefined for a range that is not mapped. Throws UsageError for a range above 256 MiB.
   */
  readMany(ranges: readonly MemoryRange[]): (Uint8Array | undefined)[] {
    for (const { address, length } of ranges) {
      if (Number.isSafeInteger(length) && length >= 0 && length <= READ_BYTES_MAX) continue;
      throw this.#unreadable(address, length, new RangeError('absurd length'));
    }
    if (this.#scatter !== undefined) {
      try {
        return this.#scatter.read(ranges);
      } catch {
        // A seccomp filter or an old kernel refuses the call; a process that has gone refuses
        // everything, and the file below says so as well.
        this.#scatter.close();
        this.#scatter = undefined;
      }
    }
    return ranges.map(({ address, length }) => this.#readFile(address, length));
  }

  /**
   * Resident bytes of each range, by the present bit of its pages; a page that a range covers in
   * part counts in part. Swapped pages do not count; the shared zero page does.
   */
  residentBytes(ranges: readonly AddressRange[]): number[] {
    const window = new Uint8Array(PAGEMAP_WINDOW * PAGEMAP_ENTRY_BYTES);
    let first = 0n;
    let count = 0n;
    const present = (page: bigint): boolean => {
      if (page < first || page >= first + count) {
        first = page;
        count = this.#readPagemap(page, window);
        if (count === 0n) return false;
      }
      const high = Number(page - first) * PAGEMAP_ENTRY_BYTES + 7;
      return (window[high]! & 0x80) !== 0;
    };
    const pageBytes = BigInt(this.#pageBytes);
    return ranges.map(({ start, end }) => {
      let resident = 0n;
      for (let at = start; at < end;) {
        const next = (at / pageBytes + 1n) * pageBytes;
        const stop = next < end ? next : end;
        if (present(at / pageBytes)) resident += stop - at;
        at = stop;
      }
      return Number(resident);
    });
  }

  /** Closes the handles; reads after that throw. */
  close(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#scatter?.close();
    this.#scatter = undefined;
    closeSync(this.#mem);
    closeSync(this.#pagemap);
  }

  /** The same by /proc/PID/mem; undefined where it stops short or the kernel says EIO. */
  #readFile(address: bigint, length: number): Uint8Array | undefined {
    if (!this.#open) throw new Error(`read process ${this.#pid}: reader is closed`);
    const bytes = new Uint8Array(length);
    let done = 0;
    try {
      while (done < length) {
        const n = readSync(this.#mem, bytes, done, length - done, address + BigInt(done));
        if (n === 0) return undefined;
        done += n;
      }
    } catch {
      return undefined;
    }
    return bytes;
  }

  /** Number of entries read from a page on; 0 behind the end of the address space. */
  #readPagemap(page: bigint, window: Uint8Array): bigint {
    const position = page * BigInt(PAGEMAP_ENTRY_BYTES);
    const n = readSync(this.#pagemap, window, 0, window.byteLength, position);
    return BigInt(Math.floor(n / PAGEMAP_ENTRY_BYTES));
  }

  #unreadable(address: bigint, length: number, cause: unknown): UsageError {
    const message = `read ${length} bytes of process ${this.#pid} at 0x${address.toString(16)}`;
    return new UsageError(`${message}: not mapped, or the process is gone`, { cause });
  }
}
