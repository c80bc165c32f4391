/**
 * Searches the mapped bytes of a program piece by piece, so that a large file costs time but no
 * memory. What a reader would get wrong: a hit may straddle two pieces, so pieces overlap.
 */
import type { ByteReader } from './byte-reader.js';
import type { ElfImage, ElfSegment } from './elf-image.js';

const PIECE_BYTES = 1 << 20;

/** Where and how to search. */
export interface ByteSearch {
  readonly pattern: Uint8Array;
  /** Segments in the order in which they are searched. */
  readonly segments: readonly ElfSegment[];
  /** Only hits whose virtual address is a multiple of this, in bytes; default 1. */
  readonly align?: number;
}

/** Bytes of a piece: in the scratch buffer where the reader can fill one. */
function pieceOf(reader: ByteReader, offset: number, length: number, scratch: Buffer): Buffer {
  if (reader.readInto !== undefined) {
    const piece = scratch.subarray(0, length);
    reader.readInto(offset, piece);
    return piece;
  }
  const bytes = reader.read(offset, length);
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** Virtual addresses of all places that hold the pattern, lazily: stop when found. */
export function* findBytes(elf: ElfImage, search: ByteSearch): Generator<number> {
  const { pattern, segments, align = 1 } = search;
  if (pattern.byteLength === 0) return;
  const longest = Math.max(0, ...segments.map(segment => segment.fileBytes));
  const scratch = Buffer.allocUnsafeSlow(Math.min(PIECE_BYTES, longest));
  for (const segment of segments) {
    const step = PIECE_BYTES - (pattern.byteLength - 1);
    for (let start = 0; start < segment.fileBytes; start += step) {
      const length = Math.min(PIECE_BYTES, segment.fileBytes - start);
      const piece = pieceOf(elf.reader, segment.offset + start, length, scratch);
      for (let at = piece.indexOf(pattern); at >= 0; at = piece.indexOf(pattern, at + 1)) {
        const address = segment.address + start + at;
        if (address % align === 0) yield address;
      }
    }
  }
}
