/**
 * ELF files made by hand, of what a test gives and nothing else. What a reader would get wrong:
 * every segment's bytes are mapped where the test says, so addresses need not match offsets.
 */

const EHDR_BYTES = 64;
const PHDR_BYTES = 56;
const SHDR_BYTES = 64;
const PAGE = 4096;

/** A program header and its bytes; section headers name a part of those bytes. */
export interface HandmadeSegment {
  readonly type: number;
  readonly flags: number;
  readonly address: number;
  readonly bytes: Uint8Array;
}

/** A section header over an address of some segment. */
export interface HandmadeSection {
  readonly type: number;
  readonly address: number;
  readonly sizeBytes: number;
}

/** What goes into the file. */
export interface HandmadeElf {
  /** ET_EXEC or ET_DYN. */
  readonly type: number;
  readonly segments: readonly HandmadeSegment[];
  /** None by default, as packers leave a file. */
  readonly sections?: readonly HandmadeSection[];
  /** EM_X86_64 by default. */
  readonly machine?: number;
}

/** The file's bytes: headers, each segment on a page of its own, then section headers. */
export function makeElf({ type, segments, sections = [], machine = 62 }: HandmadeElf): Buffer {
  const offsets: number[] = [];
  let end = PAGE;
  for (const { bytes } of segments) {
    offsets.push(end);
    end += Math.ceil(bytes.byteLength / PAGE) * PAGE;
  }
  // The first section is the null one, which also serves as the missing table of names.
  const headers = sections.length === 0 ? 0 : sections.length + 1;
  const file = Buffer.alloc(end + headers * SHDR_BYTES);
  file.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]);
  file.writeUInt16LE(type, 16);
  file.writeUInt16LE(machine, 18);
  file.writeUInt32LE(1, 20);
  file.writeBigUInt64LE(BigInt(EHDR_BYTES), 32);
  file.writeBigUInt64LE(BigInt(headers === 0 ? 0 : end), 40);
  [EHDR_BYTES, PHDR_BYTES, segments.length, SHDR_BYTES, headers, 0].forEach((value, i) =>
    file.writeUInt16LE(value, 52 + 2 * i),
  );
  segments.forEach((segment, i) => {
    const at = EHDR_BYTES + i * PHDR_BYTES;
    file.writeUInt32LE(segment.type, at);
    file.writeUInt32LE(segment.flags, at + 4);
    const size = segment.bytes.byteLength;
    [offsets[i]!, segment.address, segment.address, size, size, PAGE].forEach((value, n) =>
      file.writeBigUInt64LE(BigInt(value), at + 8 + 8 * n),
    );
    file.set(segment.bytes, offsets[i]);
  });
  sections.forEach((section, i) => {
    const at = end + (i + 1) * SHDR_BYTES;
    const holder = segments.findIndex(
      s => section.address >= s.address && section.address < s.address + s.bytes.byteLength,
    );
    file.writeUInt32LE(section.type, at + 4);
    const offset = offsets[holder]! + section.address - segments[holder]!.address;
    [section.address, offset, section.sizeBytes].forEach((value, n) =>
      file.writeBigUInt64LE(BigInt(value), at + 16 + 8 * n),
    );
  });
  return file;
}
