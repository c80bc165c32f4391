/**
 * Names for the stubs by which a program calls library functions, such as `malloc@plt`. What a
 * reader would get wrong: with `.plt.sec` (x86 with IBT) the code calls that section, and `.plt`
 * only holds the lazy half.
 *
 *   x86_64  .plt: 16 bytes of header, then 16 per relocation; .plt.sec: 16 per relocation
 *   arm64   .plt: 32 bytes of header, then 16 per relocation
 */
import { cStringOf, type ElfFile, SHT_DYNSYM, viewOf } from '../elf/index.js';

/** A stub's name such as `malloc@plt`, and the code that it consists of. */
export interface PltStub {
  readonly name: string;
  readonly address: number;
  readonly sizeBytes: number;
}

const ENTRY_BYTES = 16;
const RELA_BYTES = 24;
const SYM_BYTES = 24;

/** All stubs in address order; empty where there is no `.rela.plt`. Throws FormatError if cut. */
export function pltStubs(elf: ElfFile): PltStub[] {
  const relocations = elf.section('.rela.plt');
  const symbols = elf.sections.find(s => s.type === SHT_DYNSYM);
  const second = elf.section('.plt.sec');
  const plt = second ?? elf.section('.plt');
  const strings = symbols === undefined ? undefined : elf.sections[symbols.link];
  if (relocations === undefined || plt === undefined) return [];
  if (symbols === undefined || strings === undefined) return [];
  const header = second !== undefined ? 0 : elf.arch === 'arm64' ? 32 : 16;
  const names = elf.sectionBytes(strings);
  const table = viewOf(elf.sectionBytes(symbols));
  const view = viewOf(elf.sectionBytes(relocations));
  const stubs: PltStub[] = [];
  for (let at = 0, offset = header; at + RELA_BYTES <= view.byteLength; at += RELA_BYTES) {
    if (offset + ENTRY_BYTES > plt.sizeBytes) break;
    const symbol = view.getUint32(at + 12, true) * SYM_BYTES;
    if (symbol !== 0 && symbol + SYM_BYTES <= table.byteLength) {
      const name = cStringOf(names, table.getUint32(symbol, true));
      const address = plt.address + offset;
      if (name !== '') stubs.push({ name: `${name}@plt`, address, sizeBytes: ENTRY_BYTES });
    }
    offset += ENTRY_BYTES;
  }
  return stubs;
}
