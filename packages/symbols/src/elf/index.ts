/** Room elf: what an ELF file says of itself. Imports nothing of ours. */
export {
  bufferReader,
  openFileReader,
  readU64,
  viewOf,
  type ByteReader,
  type FileReader,
} from './byte-reader.js';
export { findBytes, type ByteSearch } from './byte-search.js';
export * from './constants.js';
export { neededLibraries } from './dynamic.js';
export { ElfFile, openElf, readElfIdent, type ElfIdent } from './elf-file.js';
export { cString as cStringOf, type Arch, type ElfSection, type ElfSegment } from './elf-image.js';
export { FormatError } from './format-error.js';
export type { ElfNote } from './notes.js';
export type { RelativeRelocations } from './relocations.js';
export type { ElfSymbol } from './symbols.js';
