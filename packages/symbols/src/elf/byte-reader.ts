/**
 * Random access to bytes: a buffer, or a file read in windows so that a 100 MB program costs only
 * what is looked at. What a reader would get wrong: `read` may return a view of a shared window;
 * it is valid as long as nobody writes to it, so callers never write.
 */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { FormatError } from './format-error.js';

/** Bytes by offset. Every read is checked: there are no short reads. */
export interface ByteReader {
  /** Total number of bytes. */
  readonly size: number;
  /** Exactly `length` bytes from `offset`; throws FormatError where they leave the bytes. */
  read(offset: number, length: number): Uint8Array;
  /**
   * Fills all of `target`; throws as `read` does. Readers that have it spare searches, which look
   * at each byte once, a fresh buffer for every piece.
   */
  readInto?(offset: number, target: Uint8Array): void;
}

/** A reader that owns a file descriptor. */
export interface FileReader extends ByteReader {
  /** Releases the descriptor; reads after that throw. Safe to call twice. */
  close(): void;
}

const WINDOW_BYTES = 256 * 1024;
const WINDOWS_MAX = 16;

function checkRange(size: number, offset: number, length: number): void {
  const whole = Number.isSafeInteger(offset) && Number.isSafeInteger(length);
  if (!whole || offset < 0 || length < 0 || offset + length > size) {
    const end = `${offset}+${length} of ${size} bytes`;
    throw new FormatError(Math.max(0, whole ? offset : 0), 'read beyond the end', end);
  }
}

/** A reader over bytes in memory; costs nothing per read. */
export function bufferReader(bytes: Uint8Array): ByteReader {
  return {
    size: bytes.byteLength,
    read(offset, length) {
      checkRange(bytes.byteLength, offset, length);
      return bytes.subarray(offset, offset + length);
    },
  };
}

/**
 * Opens a file for windowed reads: small reads come from up to sixteen cached windows of 256 KiB,
 * larger ones are read directly. Throws the system's error when the file cannot be opened.
 */
export function openFileReader(path: string): FileReader {
  const fd = openSync(path, 'r');
  const size = fstatSync(fd).size;
  const windows = new Map<number, Uint8Array>();
  let open = true;

  const fill = (offset: number, bytes: Uint8Array): void => {
    const length = bytes.byteLength;
    let done = 0;
    while (done < length) {
      const n = readSync(fd, bytes, done, length - done, offset + done);
      if (n === 0) throw new FormatError(offset + done, `read ${path}: file was truncated`);
      done += n;
    }
  };
  const readDirect = (offset: number, length: number): Uint8Array => {
    const bytes = Buffer.allocUnsafeSlow(length);
    fill(offset, bytes);
    return bytes;
  };
  const windowAt = (index: number): Uint8Array => {
    let window = windows.get(index);
    if (window === undefined) {
      if (windows.size >= WINDOWS_MAX) windows.delete(windows.keys().next().value!);
      const start = index * WINDOW_BYTES;
      window = readDirect(start, Math.min(WINDOW_BYTES, size - start));
      windows.set(index, window);
    }
    return window;
  };

  const check = (offset: number, length: number): void => {
    if (!open) throw new Error(`read ${path}: reader is closed`);
    checkRange(size, offset, length);
  };

  return {
    size,
    readInto(offset, target) {
      check(offset, target.byteLength);
      fill(offset, target);
    },
    read(offset, length) {
      check(offset, length);
      if (length === 0) return new Uint8Array(0);
      const index = Math.floor(offset / WINDOW_BYTES);
      const start = offset - index * WINDOW_BYTES;
      if (start + length > WINDOW_BYTES) return readDirect(offset, length);
      return windowAt(index).subarray(start, start + length);
    },
    close() {
      if (open) closeSync(fd);
      open = false;
      windows.clear();
    },
  };
}

/** A DataView over exactly the given bytes. */
export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/**
 * A little-endian u64 as a number. Throws FormatError above 2^53: no address or size of a
 * user-space program is that large. `base` is added to `offset` in the error.
 */
export function readU64(view: DataView, offset: number, base = 0): number {
  const high = view.getUint32(offset + 4, true);
  if (high >= 0x200000) {
    throw new FormatError(base + offset, 'value above 2^53', view.getBigUint64(offset, true));
  }
  return high * 0x100000000 + view.getUint32(offset, true);
}
