/**
 * Mini debug info: an ELF file of symbols, compressed by xz in section `.gnu_debugdata`, as Fedora
 * and its relatives ship it. What a reader would get wrong: it holds what `.dynsym` does not, so
 * the two are read together.
 */
import { bufferReader, type ElfFile, openElf } from '../elf/index.js';
import { decompressXz } from './xz.js';

/** Nobody's symbol table is larger: the largest known is below 30 MB. */
const UNPACKED_BYTES_MAX = 64 << 20;

/**
 * The file in `.gnu_debugdata`; undefined where there is none. Throws FormatError when it is
 * damaged or unpacks to more than 64 MiB. Costs its decompression, some 20 ms a megabyte.
 */
export function readMiniDebugInfo(elf: ElfFile): ElfFile | undefined {
  const section = elf.section('.gnu_debugdata');
  if (section === undefined) return undefined;
  const unpacked = decompressXz(elf.sectionBytes(section), UNPACKED_BYTES_MAX);
  return openElf(bufferReader(unpacked));
}
