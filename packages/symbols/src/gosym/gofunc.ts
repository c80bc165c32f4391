/**
 * Where function data count from (runtime.moduledata.gofunc). What a reader would get wrong: the
 * word moved with nearly every release that touched the module data, so it is told by what it
 * points at: inline records of real functions, whose names are names of the table.
 */
import { type ElfFile, FormatError, viewOf } from '../elf/index.js';
import { inlineTreeOf } from './function-decoder.js';
import type { FunctionTable } from './function-table.js';
import { VirtualPages } from './inline-tree.js';

const SAMPLES = 32;
/** The first word that may be it, and how far the module data may reach. */
const FIRST_WORD = 192;
const LAST_WORD = 640;

/** The pointer in a slot of the module data; 0 where it cannot be one. */
function pointerIn(elf: ElfFile, address: number): number {
  // The relocation is what counts: GNU ld leaves other words in the slots on arm64.
  const relocated = elf.relocations().addendAt(address);
  if (relocated !== undefined) return relocated;
  if (elf.vaddrToOffset(address) === undefined || elf.vaddrToOffset(address + 7) === undefined) {
    return 0;
  }
  const view = viewOf(elf.readVirtual(address, 8));
  const high = view.getUint32(4, true);
  return high < 0x200000 ? high * 0x100000000 + view.getUint32(0, true) : 0;
}

/** Offsets from gofunc of the inline trees of some functions, with the functions' sizes. */
function sampleTrees(table: FunctionTable): { offset: number; size: number }[] {
  const samples: { offset: number; size: number }[] = [];
  const stride = Math.max(1, Math.floor(table.count / (SAMPLES * 8)));
  for (let start = 0; start < stride && samples.length < SAMPLES; start++) {
    for (let i = start; i < table.count && samples.length < SAMPLES; i += stride) {
      const record = table.recordAt(i);
      if (record < 0) continue;
      // With a base of 1 the result is 0 for a function without a tree, else the offset plus 1.
      const offset = inlineTreeOf(table, record, () => 1) - 1;
      if (offset >= 0) samples.push({ offset, size: table.starts[i + 1]! - table.starts[i]! });
    }
  }
  return samples;
}

/** Finds it; 0 where the layout has pointers instead, or where no function inlined anything. */
export function findGofunc(table: FunctionTable): number {
  const { module: fields, inline } = table.layout;
  if (fields.gofunc.length === 0) return 0;
  const samples = sampleTrees(table);
  if (samples.length === 0) return 0;
  const pages = new VirtualPages(table.elf);
  const fits = (base: number): boolean =>
    base !== 0 &&
    samples.every(({ offset, size }) => {
      const found = pages.at(base + offset, inline.bytes);
      if (found === undefined) return false;
      const parentPc = found.view.getInt32(found.offset + inline.parentPc, true);
      const name = found.view.getUint32(found.offset + inline.name, true);
      return parentPc >= 0 && parentPc < size && table.isNameOffset(name);
    });
  const words = [...fields.gofunc];
  for (let word = FIRST_WORD; word < LAST_WORD; word += 8) words.push(word);
  for (const word of words) {
    const base = pointerIn(table.elf, table.module.address + word);
    if (fits(base)) return base;
  }
  throw new FormatError(
    table.elf.vaddrToOffset(table.module.address) ?? 0,
    'no word of the module data leads to the inline trees',
    table.module.address,
  );
}
