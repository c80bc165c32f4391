/**
 * The debugging sections of a program, decompressed. What a reader would get wrong: Go writes
 * them compressed in two ways: up to 1.18 as `.zdebug_*` ("ZLIB", then the size big-endian), since
 * 1.19 as `.debug_*` with SHF_COMPRESSED and an Elf64_Chdr in front (gABI, Section Compression).
 */
import { inflateSync } from 'node:zlib';
import {
  type ElfFile,
  type ElfSection,
  FormatError,
  SHF_COMPRESSED,
  SHT_NOBITS,
  readU64,
  viewOf,
} from '../elf/index.js';

/** ch_type of zlib; zstd (2) is not written by Go. */
const ELFCOMPRESS_ZLIB = 1;
const CHDR_BYTES = 24;
/** `ZLIB` and the size. */
const ZDEBUG_HEAD_BYTES = 12;
/** Deflate never grows data by more than this (RFC 1951: 258 bytes from 2 bits, rounded up). */
const INFLATE_RATIO_MAX = 1032;
/** No section may claim more than this after decompression. */
const SECTION_BYTES_MAX = 1 << 30;

function inflate(section: ElfSection, packed: Uint8Array, sizeBytes: number): Uint8Array {
  if (sizeBytes > SECTION_BYTES_MAX || sizeBytes > (packed.byteLength + 64) * INFLATE_RATIO_MAX) {
    throw new FormatError(section.offset, `${section.name} claims an impossible size`, sizeBytes);
  }
  let bytes: Uint8Array;
  try {
    bytes = inflateSync(packed, { maxOutputLength: Math.max(1, sizeBytes) });
  } catch (cause) {
    const what = `${section.name} cannot be decompressed`;
    throw new FormatError(section.offset, what, undefined, { cause });
  }
  if (bytes.byteLength !== sizeBytes) {
    throw new FormatError(section.offset, `${section.name} has another size`, bytes.byteLength);
  }
  return bytes;
}

/**
 * The bytes of `.debug_<suffix>`, decompressed; undefined where the program has none. Throws
 * FormatError for damaged compression. Costs a read of the section and its decompression.
 */
export function debugSection(elf: ElfFile, suffix: string): Uint8Array | undefined {
  const plain = elf.section(`.debug_${suffix}`);
  if (plain !== undefined && plain.type !== SHT_NOBITS) {
    const raw = elf.reader.read(plain.offset, plain.sizeBytes);
    if ((plain.flags & SHF_COMPRESSED) === 0) return raw;
    if (raw.byteLength < CHDR_BYTES) {
      throw new FormatError(plain.offset, `${plain.name} is truncated`, raw.byteLength);
    }
    const view = viewOf(raw);
    const type = view.getUint32(0, true);
    if (type !== ELFCOMPRESS_ZLIB) {
      throw new FormatError(plain.offset, `${plain.name} has an unknown compression`, type);
    }
    return inflate(plain, raw.subarray(CHDR_BYTES), readU64(view, 8, plain.offset));
  }
  const old = elf.section(`.zdebug_${suffix}`);
  if (old === undefined || old.type === SHT_NOBITS) return undefined;
  const raw = elf.reader.read(old.offset, old.sizeBytes);
  const magic = Buffer.from(raw.subarray(0, 4)).toString('latin1');
  if (raw.byteLength < ZDEBUG_HEAD_BYTES || magic !== 'ZLIB') {
    throw new FormatError(old.offset, `${old.name} has no ZLIB head`, magic);
  }
  const size = viewOf(raw).getBigUint64(4, false);
  return inflate(old, raw.subarray(ZDEBUG_HEAD_BYTES), Number(size));
}
