/**
 * Relative relocations (base + addend), packed ones included. What a reader would get wrong: with
 * RELA the file's own bytes at the slot may be zero, with RELR they hold the addend.
 */
import { readU64, viewOf } from './byte-reader.js';
import { R_AARCH64_RELATIVE, R_X86_64_RELATIVE, SHT_RELA, SHT_RELR } from './constants.js';
import type { ElfFile } from './elf-file.js';

const RELA_BYTES = 24;

/** Slots filled by the loader with base + addend, by virtual address. */
export interface RelativeRelocations {
  /** Number of slots known. */
  readonly count: number;
  /** The addend for the slot at this address; undefined where nothing relocates it. */
  addendAt(address: number): number | undefined;
  /** Addresses of all slots whose addend is this value. Costs one pass over all slots. */
  slotsOf(addend: number): number[];
}

/** Reads `.rela.*` and `.relr.dyn`. Costs one pass; empty for a program without relocations. */
export function readRelativeRelocations(elf: ElfFile): RelativeRelocations {
  const wanted = elf.arch === 'x86_64' ? R_X86_64_RELATIVE : R_AARCH64_RELATIVE;
  const addends = new Map<number, number>();
  for (const section of elf.sections) {
    if (section.type === SHT_RELA) {
      const view = viewOf(elf.sectionBytes(section));
      for (let at = 0; at + RELA_BYTES <= view.byteLength; at += RELA_BYTES) {
        if (view.getUint32(at + 8, true) !== wanted) continue;
        // A negative addend points nowhere in a program; readU64 would refuse the whole table.
        if (view.getUint32(at + 20, true) >= 0x200000) continue;
        addends.set(readU64(view, at, section.offset), readU64(view, at + 16, section.offset));
      }
    } else if (section.type === SHT_RELR) {
      for (const slot of relrSlots(viewOf(elf.sectionBytes(section)))) {
        const bytes = elf.vaddrToOffset(slot) === undefined ? undefined : elf.readVirtual(slot, 8);
        if (bytes !== undefined) addends.set(slot, readU64(viewOf(bytes), 0, section.offset));
      }
    }
  }
  return {
    count: addends.size,
    addendAt: address => addends.get(address),
    slotsOf: addend => [...addends].filter(([, a]) => a === addend).map(([slot]) => slot),
  };
}

/**
 * Unpacks RELR: an even word is a slot's address, an odd one a bitmap of the 63 words after the
 * last slot or bitmap (gABI proposal "Relative relocations", generic-abi 2018).
 */
function relrSlots(view: DataView): number[] {
  const slots: number[] = [];
  let next = 0;
  for (let at = 0; at + 8 <= view.byteLength; at += 8) {
    const low = view.getUint32(at, true);
    const high = view.getUint32(at + 4, true);
    if ((low & 1) === 0) {
      const slot = readU64(view, at);
      slots.push(slot);
      next = slot + 8;
      continue;
    }
    for (let bit = 1; bit < 64; bit++) {
      const set = bit < 32 ? (low >>> bit) & 1 : (high >>> (bit - 32)) & 1;
      if (set !== 0) slots.push(next + (bit - 1) * 8);
    }
    next += 63 * 8;
  }
  return slots;
}
