/**
 * Which libraries a program asks for. What a reader would get wrong: the dynamic segment holds
 * offsets in a string table that is named by its address, not by a section.
 */
import { readU64, viewOf } from './byte-reader.js';
import { PT_DYNAMIC } from './constants.js';
import { cString, type ElfFile } from './elf-file.js';

const DT_NULL = 0;
const DT_NEEDED = 1;
const DT_STRTAB = 5;
const DT_STRSZ = 10;
const DYN_BYTES = 16;

/**
 * The names of DT_NEEDED in their order, such as `libc.so.6`; empty for static programs. Throws
 * FormatError when the dynamic segment leads outside of the file.
 */
export function neededLibraries(elf: ElfFile): string[] {
  const segment = elf.segments.find(s => s.type === PT_DYNAMIC);
  if (segment === undefined) return [];
  const view = viewOf(elf.reader.read(segment.offset, segment.fileBytes));
  const needed: number[] = [];
  let address: number | undefined;
  let sizeBytes = 0;
  for (let at = 0; at + DYN_BYTES <= view.byteLength; at += DYN_BYTES) {
    const tag = view.getUint32(at, true);
    if (view.getUint32(at + 4, true) !== 0) continue;
    if (tag === DT_NULL) break;
    if (tag === DT_NEEDED) needed.push(readU64(view, at + 8, segment.offset));
    else if (tag === DT_STRTAB) address = readU64(view, at + 8, segment.offset);
    else if (tag === DT_STRSZ) sizeBytes = readU64(view, at + 8, segment.offset);
  }
  if (address === undefined || needed.length === 0) return [];
  const strings = elf.readVirtual(address, sizeBytes);
  return needed.map(offset => cString(strings, offset)).filter(name => name !== '');
}
