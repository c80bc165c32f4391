/**
 * The dynamic segment: which libraries a program asks for, and its symbols where the section
 * headers are gone. What a reader would get wrong: it names its tables by address, not by section,
 * and nowhere says how many symbols there are; only the hash table tells.
 */
import { readU64, viewOf } from './byte-reader.js';
import { PT_DYNAMIC } from './constants.js';
import { cString, type ElfImage } from './elf-image.js';
import { FormatError } from './format-error.js';

const DT_NULL = 0;
const DT_NEEDED = 1;
const DT_HASH = 4;
const DT_STRTAB = 5;
const DT_SYMTAB = 6;
const DT_STRSZ = 10;
const DT_GNU_HASH = 0x6ffffef5;
const DYN_BYTES = 16;
const SYM_BYTES = 24;

/** Entries of the dynamic segment whose tag fits in 32 bits, as tag and value, up to DT_NULL. */
function dynamicEntries(elf: ElfImage): (readonly [tag: number, value: number])[] {
  const segment = elf.segments.find(s => s.type === PT_DYNAMIC);
  if (segment === undefined || segment.fileBytes === 0) return [];
  const view = viewOf(elf.reader.read(segment.offset, segment.fileBytes));
  const entries: (readonly [number, number])[] = [];
  for (let at = 0; at + DYN_BYTES <= view.byteLength; at += DYN_BYTES) {
    const tag = view.getUint32(at, true);
    if (view.getUint32(at + 4, true) !== 0) continue;
    if (tag === DT_NULL) break;
    // Values above 2^53 belong to tags for processors; none of ours holds one.
    if (view.getUint32(at + 12, true) >= 0x200000) continue;
    entries.push([tag, readU64(view, at + 8, segment.offset)]);
  }
  return entries;
}

/** Bytes from an address to the end of its segment's file part. */
function bytesFrom(elf: ElfImage, address: number): Uint8Array {
  const segment = elf.segmentAt(address);
  const end = segment === undefined ? 0 : segment.address + segment.fileBytes;
  return elf.readVirtual(address, Math.max(0, end - address));
}

/**
 * Symbols by DT_GNU_HASH: 4 words of header (buckets, first hashed symbol, Bloom words of 8 bytes,
 * shift), Bloom filter, buckets, one word for each hashed symbol, odd where a chain ends.
 */
function countByGnuHash(elf: ElfImage, address: number): number {
  const view = viewOf(bytesFrom(elf, address));
  const [buckets, first, bloom] = [0, 4, 8].map(at => view.getUint32(at, true));
  const bucketsAt = 16 + bloom! * 8;
  const chains = bucketsAt + buckets! * 4;
  if (chains > view.byteLength) {
    throw new FormatError(elf.vaddrToOffset(address) ?? 0, 'gnu hash table is truncated', buckets);
  }
  let last = 0;
  for (let at = bucketsAt; at < chains; at += 4) last = Math.max(last, view.getUint32(at, true));
  if (last < first!) return first!;
  for (let at = chains + (last - first!) * 4; at + 4 <= view.byteLength; at += 4, last++) {
    if ((view.getUint32(at, true) & 1) !== 0) return last + 1;
  }
  throw new FormatError(elf.vaddrToOffset(address) ?? 0, 'gnu hash chain has no end', last);
}

/** Where the dynamic symbols lie, by the dynamic segment alone. */
export interface DynamicSymbolTable {
  readonly symbols: Uint8Array;
  readonly strings: Uint8Array;
  /** File offset of the symbols. */
  readonly offset: number;
}

/**
 * The dynamic symbol table without help of section headers; undefined where the segment names
 * none. Throws FormatError when it leads outside of the file or its hash table is damaged.
 */
export function dynamicSymbolTable(elf: ElfImage): DynamicSymbolTable | undefined {
  const tags = new Map(dynamicEntries(elf));
  const [table, strings] = [tags.get(DT_SYMTAB), tags.get(DT_STRTAB)];
  if (table === undefined || strings === undefined) return undefined;
  const [hash, gnuHash] = [tags.get(DT_HASH), tags.get(DT_GNU_HASH)];
  // The second word of DT_HASH is the number of chains, which is that of symbols (gABI).
  let count = 0;
  if (hash !== undefined) count = viewOf(elf.readVirtual(hash, 8)).getUint32(4, true);
  else if (gnuHash !== undefined) count = countByGnuHash(elf, gnuHash);
  return {
    symbols: elf.readVirtual(table, count * SYM_BYTES),
    strings: elf.readVirtual(strings, tags.get(DT_STRSZ) ?? 0),
    offset: elf.vaddrToOffset(table) ?? 0,
  };
}

/**
 * The names of DT_NEEDED in their order, such as `libc.so.6`; empty for static programs. Throws
 * FormatError when the dynamic segment leads outside of the file.
 */
export function neededLibraries(elf: ElfImage): string[] {
  const entries = dynamicEntries(elf);
  const tags = new Map(entries);
  const address = tags.get(DT_STRTAB);
  const needed = entries.filter(([tag]) => tag === DT_NEEDED);
  if (address === undefined || needed.length === 0) return [];
  const strings = elf.readVirtual(address, tags.get(DT_STRSZ) ?? 0);
  return needed.map(([, offset]) => cString(strings, offset)).filter(name => name !== '');
}
