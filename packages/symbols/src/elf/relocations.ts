/**
 * Relative relocations (base + addend), packed ones included. What a reader would get wrong: with
 * RELA the file's own bytes at the slot may be zero, with RELR they hold the addend. The dynamic
 * segment names the tables even where the section headers are gone.
 */
import { readU64, viewOf } from './byte-reader.js';
import {
  PT_DYNAMIC,
  R_AARCH64_RELATIVE,
  R_X86_64_RELATIVE,
  SHT_RELA,
  SHT_RELR,
} from './constants.js';
import type { ElfImage } from './elf-image.js';
import { FormatError } from './format-error.js';

const RELA_BYTES = 24;
const DYN_BYTES = 16;
/** d_tag of the dynamic section (gABI; DT_RELR from the proposal of 2018). */
const DT = { null: 0, rela: 7, relaBytes: 8, relrBytes: 35, relr: 36 };
const TWO_32 = 0x100000000;
/** High words from here on belong to values above 2^53: no address of a program is that large. */
const HIGH_WORD_MAX = 0x200000;

/** Slots filled by the loader with base + addend, by virtual address. */
export interface RelativeRelocations {
  /** Number of slots known. */
  readonly count: number;
  /** The addend for the slot at this address; undefined where nothing relocates it. */
  addendAt(address: number): number | undefined;
  /** Addresses of all slots whose addend is this value. Costs one pass over all slots. */
  slotsOf(addend: number): number[];
}

/** Slots and addends in two columns, 16 bytes each: programs have up to a million. */
class Columns {
  slots = new Float64Array(1024);
  addends = new Float64Array(1024);
  count = 0;

  add(slot: number, addend: number): void {
    if (this.count === this.slots.length) {
      this.slots = grown(this.slots);
      this.addends = grown(this.addends);
    }
    this.slots[this.count] = slot;
    this.addends[this.count++] = addend;
  }

  /** Orders both columns by slot; linkers mostly wrote them in that order. */
  sort(): void {
    const { slots, addends, count } = this;
    let sorted = true;
    for (let i = 1; i < count && sorted; i++) sorted = slots[i - 1]! <= slots[i]!;
    if (sorted) return;
    const order = Uint32Array.from({ length: count }, (_, i) => i);
    order.sort((a, b) => slots[a]! - slots[b]! || a - b);
    this.slots = Float64Array.from(order, i => slots[i]!);
    this.addends = Float64Array.from(order, i => addends[i]!);
  }
}

function grown(column: Float64Array): Float64Array<ArrayBuffer> {
  const larger = new Float64Array(column.length * 2);
  larger.set(column);
  return larger;
}

/** Bytes of the relocation tables, by section or by the dynamic segment. */
interface RelocationTables {
  readonly rela: readonly Uint8Array[];
  readonly relr: readonly Uint8Array[];
}

function tablesBySection(elf: ElfImage): RelocationTables {
  const of = (type: number): Uint8Array[] =>
    elf.sections.filter(s => s.type === type).map(s => elf.sectionBytes(s));
  return { rela: of(SHT_RELA), relr: of(SHT_RELR) };
}

function tablesBySegment(elf: ElfImage): RelocationTables {
  const segment = elf.segments.find(s => s.type === PT_DYNAMIC);
  if (segment === undefined || segment.fileBytes === 0) return { rela: [], relr: [] };
  const view = viewOf(elf.reader.read(segment.offset, segment.fileBytes));
  const tags = new Map<number, number>();
  for (let at = 0; at + DYN_BYTES <= view.byteLength; at += DYN_BYTES) {
    const tag = view.getUint32(at, true);
    if (tag === DT.null) break;
    if (view.getUint32(at + 12, true) < HIGH_WORD_MAX) {
      tags.set(tag, readU64(view, at + 8, segment.offset));
    }
  }
  const table = (start: number, bytes: number): Uint8Array[] => {
    const [address, length] = [tags.get(start), tags.get(bytes)];
    return address === undefined || length === undefined ? [] : [elf.readVirtual(address, length)];
  };
  return { rela: table(DT.rela, DT.relaBytes), relr: table(DT.relr, DT.relrBytes) };
}

/**
 * Reads `.rela.*` and `.relr.dyn`, or what the dynamic segment names where there are no sections.
 * Costs one pass; empty for a program without relocations.
 */
export function readRelativeRelocations(elf: ElfImage): RelativeRelocations {
  const tables = elf.sections.length > 0 ? tablesBySection(elf) : tablesBySegment(elf);
  const columns = new Columns();
  const wanted = elf.arch === 'x86_64' ? R_X86_64_RELATIVE : R_AARCH64_RELATIVE;
  for (const bytes of tables.rela) addRela(columns, viewOf(bytes), wanted);
  for (const bytes of tables.relr) addRelr(columns, elf, viewOf(bytes));
  columns.sort();
  const { slots, addends, count } = columns;
  return {
    count,
    addendAt(address) {
      let low = 0;
      let high = count;
      while (low < high) {
        const middle = (low + high) >>> 1;
        if (slots[middle]! < address) low = middle + 1;
        else high = middle;
      }
      return low < count && slots[low] === address ? addends[low] : undefined;
    },
    slotsOf(addend) {
      const found: number[] = [];
      for (let i = 0; i < count; i++) if (addends[i] === addend) found.push(slots[i]!);
      return found;
    },
  };
}

function addRela(columns: Columns, view: DataView, wanted: number): void {
  for (let at = 0; at + RELA_BYTES <= view.byteLength; at += RELA_BYTES) {
    if (view.getUint32(at + 8, true) !== wanted) continue;
    // A negative addend points nowhere in a program.
    const [slotHigh, addendHigh] = [view.getUint32(at + 4, true), view.getUint32(at + 20, true)];
    if (slotHigh >= HIGH_WORD_MAX || addendHigh >= HIGH_WORD_MAX) continue;
    columns.add(
      slotHigh * TWO_32 + view.getUint32(at, true),
      addendHigh * TWO_32 + view.getUint32(at + 16, true),
    );
  }
}

function addRelr(columns: Columns, elf: ElfImage, view: DataView): void {
  const add = (slot: number): void => {
    if (elf.vaddrToOffset(slot) === undefined || elf.vaddrToOffset(slot + 7) === undefined) return;
    const bytes = viewOf(elf.readVirtual(slot, 8));
    const high = bytes.getUint32(4, true);
    if (high < HIGH_WORD_MAX) columns.add(slot, high * TWO_32 + bytes.getUint32(0, true));
  };
  unpackRelr(view, add);
}

/**
 * Unpacks RELR: an even word is a slot's address, an odd one a bitmap of the 63 words after the
 * last slot or bitmap (gABI proposal "Relative relocations", generic-abi 2018).
 */
function unpackRelr(view: DataView, add: (slot: number) => void): void {
  let next = 0;
  for (let at = 0; at + 8 <= view.byteLength; at += 8) {
    const low = view.getUint32(at, true);
    const high = view.getUint32(at + 4, true);
    if ((low & 1) === 0) {
      if (high >= HIGH_WORD_MAX) throw new FormatError(at, 'relr address above 2^53', high);
      const slot = high * TWO_32 + low;
      add(slot);
      next = slot + 8;
      continue;
    }
    for (let bit = 1; bit < 64; bit++) {
      const set = bit < 32 ? (low >>> bit) & 1 : (high >>> (bit - 32)) & 1;
      if (set !== 0) add(next + (bit - 1) * 8);
    }
    next += 63 * 8;
  }
}
