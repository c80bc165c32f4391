/**
 * The .xz container (tukaani.org/xz/xz-file-format.txt, 1.2.1): a stream of blocks, each one LZMA2
 * data. What a reader would get wrong: sizes and checksums of blocks stand in the index behind
 * them and are not needed to unpack; the ELF file inside is checked by whoever reads it.
 * Written here because the packages that unpack xz are native add-ons or asynchronous streams,
 * and names are asked for one at a time, synchronously, on any machine.
 *
 *   stream header  0 magic, 6 flags, 8 CRC-32     (12 bytes)
 *   block header   0 size/4 − 1, 1 flags, [sizes], filters, padding, CRC-32
 *   index          begins with 0 where a block header's size would stand
 */
import { FormatError, viewOf } from '../elf/index.js';
import { Lzma2Decoder } from './lzma2.js';

const MAGIC = [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00];
const FILTER_LZMA2 = 0x21;
/** Bytes of the check behind a block, by the low four bits of the stream's second flag byte. */
const CHECK_BYTES = [0, 4, 4, 4, 8, 8, 8, 16, 16, 16, 32, 32, 32, 64, 64, 64];

/** A number of 7 bits a byte, least first. */
function readVarint(bytes: Uint8Array, at: number): { value: number; end: number } {
  let value = 0;
  for (let index = 0; index < 8; index++) {
    const byte = bytes[at + index];
    if (byte === undefined) break;
    value += (byte & 0x7f) * 2 ** (7 * index);
    if (byte < 0x80) return { value, end: at + index + 1 };
  }
  throw new FormatError(at, 'xz: bad variable-length number');
}

/** Checks that a block has LZMA2 as its only filter. Returns the offset behind its header. */
function readBlockHeader(bytes: Uint8Array, start: number): number {
  const end = start + (bytes[start]! + 1) * 4;
  if (end > bytes.byteLength) throw new FormatError(start, 'xz: block header is truncated');
  const flags = bytes[start + 1]!;
  if ((flags & 3) !== 0) throw new FormatError(start + 1, 'xz: unsupported filters', flags);
  let at = start + 2;
  if ((flags & 0x40) !== 0) at = readVarint(bytes, at).end;
  if ((flags & 0x80) !== 0) at = readVarint(bytes, at).end;
  const filter = readVarint(bytes, at);
  if (filter.value !== FILTER_LZMA2) {
    throw new FormatError(at, 'xz: unsupported filter', filter.value);
  }
  return end;
}

/**
 * Unpacks the first stream of an xz file. Throws FormatError when it is damaged, when it uses
 * another filter than LZMA2, or when it holds more than `bytesMax` bytes.
 */
export function decompressXz(bytes: Uint8Array, bytesMax: number): Uint8Array {
  if (bytes.byteLength < 24 || MAGIC.some((byte, at) => bytes[at] !== byte)) {
    throw new FormatError(0, 'xz: bad magic');
  }
  const checkBytes = CHECK_BYTES[viewOf(bytes).getUint8(7) & 0xf]!;
  const decoder = new Lzma2Decoder(bytes, bytesMax);
  let at = 12;
  while (at < bytes.byteLength && bytes[at] !== 0) {
    const data = readBlockHeader(bytes, at);
    const end = decoder.decode(data);
    at = data + ((end - data + 3) & ~3) + checkBytes;
  }
  return decoder.output();
}
