/**
 * Symbol tables. What a reader would get wrong: a symbol's value is a virtual address of the
 * file, except for STT_TLS, where it is an offset in the thread-local template.
 */
import { readU64, viewOf } from './byte-reader.js';
import { SHN_UNDEF, SHT_DYNSYM } from './constants.js';
import { dynamicSymbolTable } from './dynamic.js';
import { type ElfImage, stringsOf } from './elf-image.js';
import { FormatError } from './format-error.js';

/** One entry of `.symtab` or `.dynsym`. */
export interface ElfSymbol {
  readonly name: string;
  /** Virtual address of the file; for STT_TLS the offset in the TLS template. */
  readonly value: number;
  readonly sizeBytes: number;
  /** STT_FUNC, STT_OBJECT, … */
  readonly type: number;
  /** STB_LOCAL 0, STB_GLOBAL 1, STB_WEAK 2. */
  readonly binding: number;
  readonly sectionIndex: number;
}

const SYM_BYTES = 24;

/**
 * All named, defined symbols of the first table of that section type (SHT_SYMTAB, SHT_DYNSYM).
 * Empty where there is none; dynamic symbols are found by the dynamic segment where the section
 * headers are gone. Throws FormatError when the table leaves the file.
 */
export function readSymbols(elf: ElfImage, sectionType: number): ElfSymbol[] {
  const section = elf.sections.find(s => s.type === sectionType);
  if (section === undefined) {
    const table = sectionType === SHT_DYNSYM ? dynamicSymbolTable(elf) : undefined;
    return table === undefined ? [] : parseSymbols(table.symbols, table.strings, table.offset);
  }
  const strings = elf.sections[section.link];
  if (strings === undefined) {
    throw new FormatError(section.offset, 'symbol table without strings', section.link);
  }
  return parseSymbols(elf.sectionBytes(section), elf.sectionBytes(strings), section.offset);
}

function parseSymbols(bytes: Uint8Array, names: Uint8Array, offset: number): ElfSymbol[] {
  const view = viewOf(bytes);
  const nameAt = stringsOf(names);
  const symbols: ElfSymbol[] = [];
  for (let at = SYM_BYTES; at + SYM_BYTES <= bytes.byteLength; at += SYM_BYTES) {
    const sectionIndex = view.getUint16(at + 6, true);
    const nameOffset = view.getUint32(at, true);
    if (sectionIndex === SHN_UNDEF || nameOffset === 0) continue;
    // Absolute symbols may hold any 64-bit value; none of them is an address in the program.
    if (view.getUint32(at + 12, true) >= 0x200000) continue;
    symbols.push({
      name: nameAt(nameOffset),
      value: readU64(view, at + 8, offset),
      sizeBytes: readU64(view, at + 16, offset),
      type: bytes[at + 4]! & 0xf,
      binding: bytes[at + 4]! >> 4,
      sectionIndex,
    });
  }
  return symbols;
}
