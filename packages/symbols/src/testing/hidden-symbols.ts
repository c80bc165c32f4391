/**
 * Makes a stripped program out of one with symbols, in memory, so that both have the same code
 * and one can be the other's oracle.
 */
import { viewOf } from '../elf/index.js';

const SHDR_BYTES = 64;
const SHT_NULL = 0;
const SHT_SYMTAB = 2;

/** A copy of an ELF file in which `.symtab` is no longer a symbol table. */
export function hideSymbols(file: Uint8Array): Uint8Array {
  const bytes = Uint8Array.from(file);
  const view = viewOf(bytes);
  const start = Number(view.getBigUint64(40, true));
  for (let i = 0; i < view.getUint16(60, true); i++) {
    const type = start + i * SHDR_BYTES + 4;
    if (view.getUint32(type, true) === SHT_SYMTAB) view.setUint32(type, SHT_NULL, true);
  }
  return bytes;
}

/** A copy of an ELF file that has no section headers at all, as some packers leave it. */
export function hideSections(file: Uint8Array): Uint8Array {
  const bytes = Uint8Array.from(file);
  const view = viewOf(bytes);
  view.setBigUint64(40, 0n, true);
  view.setUint16(60, 0, true);
  return bytes;
}
