/**
 * Many small reads of another process's memory in one system call, process_vm_readv(2). The fact
 * that is easy to get wrong: the call stops at the first range that it cannot read and reports
 * only a sum of bytes, so which range failed is computed, and the ranges behind it are asked again.
 */
import { lastErrno, libc } from './library.js';
import { NativeMemory } from './memory.js';
import { Errno, SystemCallError } from './syscalls.js';

/** A range of a process's addresses. */
export interface MemoryRange {
  readonly address: bigint;
  readonly length: number;
}

/** IOV_MAX of Linux (include/uapi/linux/uio.h, UIO_MAXIOV). */
const RANGES_MAX = 1024;
/** Bytes fetched by one call; a range that is longer is fetched in pieces. */
const WINDOW_BYTES = 1 << 20;
/** `struct iovec`: base and length. */
const IOVEC_BYTES = 16;

/** Reads one process. Holds a window of 1 MiB outside of the JavaScript heap until closed. */
export class ScatterReader {
  readonly #pid: number;
  readonly #window = new NativeMemory(WINDOW_BYTES, false);
  readonly #local = new NativeMemory(IOVEC_BYTES);
  readonly #remote = new NativeMemory(IOVEC_BYTES * RANGES_MAX);
  #open = true;

  constructor(pid: number) {
    this.#pid = pid;
  }

  /**
   * The bytes of each range, in order; undefined for one that is not mapped as a whole. Throws
   * SystemCallError where the call itself is refused (EPERM, ENOSYS, ESRCH for a process that
   * has gone).
   */
  read(ranges: readonly MemoryRange[]): (Uint8Array | undefined)[] {
    const results: (Uint8Array | undefined)[] = [];
    while (results.length < ranges.length) {
      const first = results.length;
      if (ranges[first]!.length > WINDOW_BYTES) {
        results.push(this.#readLong(ranges[first]!));
        continue;
      }
      let end = first;
      let bytes = 0;
      while (end < ranges.length && end - first < RANGES_MAX) {
        if (bytes + ranges[end]!.length > WINDOW_BYTES) break;
        bytes += ranges[end++]!.length;
      }
      this.#readBatch(ranges.slice(first, end), bytes, results);
    }
    return results;
  }

  /** Gives the window back; reads after that throw. Safe to call twice. */
  close(): void {
    if (!this.#open) return;
    this.#open = false;
    for (const memory of [this.#window, this.#local, this.#remote]) memory.free();
  }

  #readLong(range: MemoryRange): Uint8Array | undefined {
    const bytes = new Uint8Array(range.length);
    for (let at = 0; at < range.length; at += WINDOW_BYTES) {
      const length = Math.min(WINDOW_BYTES, range.length - at);
      const address = range.address + BigInt(at);
      const got = this.#call([{ address, length }], length);
      if (got !== length) return undefined;
      bytes.set(this.#window.bytes.subarray(0, length), at);
    }
    return bytes;
  }

  /** Appends results of a batch: those before the first unreadable range, and that one. */
  #readBatch(
    batch: readonly MemoryRange[],
    total: number,
    results: (Uint8Array | undefined)[],
  ): void {
    const got = total === 0 ? 0 : this.#call(batch, total);
    const copy = this.#window.bytes.slice(0, got);
    let at = 0;
    for (const { length } of batch) {
      if (at + length > got) {
        results.push(undefined);
        return;
      }
      results.push(copy.subarray(at, at + length));
      at += length;
    }
  }

  /** Bytes that arrived in the window: all, or those before the first unreadable place. */
  #call(ranges: readonly MemoryRange[], total: number): number {
    if (!this.#open) throw new Error(`read process ${this.#pid}: reader is closed`);
    this.#local.view.setBigUint64(0, this.#window.address, true);
    this.#local.view.setBigUint64(8, BigInt(total), true);
    ranges.forEach(({ address, length }, i) => {
      this.#remote.view.setBigUint64(IOVEC_BYTES * i, BigInt.asUintN(64, address), true);
      this.#remote.view.setBigUint64(IOVEC_BYTES * i + 8, BigInt(length), true);
    });
    const local = this.#local.address;
    const remote = this.#remote.address;
    const call = libc().process_vm_readv;
    const got = Number(call(this.#pid, local, 1, remote, ranges.length, 0));
    if (got >= 0) return got;
    const errno = lastErrno();
    if (errno === Errno.EFAULT) return 0;
    throw new SystemCallError(`read memory of process ${this.#pid}`, errno);
  }
}
