/**
 * Inline trees of Go 1.20 and later: records {funcID u8, pad[3], nameOff i32, parentPc i32,
 * startLine i32}; the parent is whatever the table says at parentPc. What a reader would get
 * wrong: trees of real programs contain cycles, so a record is followed at most once.
 */
import { type ElfFile, viewOf } from '../elf/index.js';

const RECORD_BYTES = 16;
const NAME_OFFSET = 4;
const PARENT_PC_OFFSET = 8;

/** The inlined calls at an address, innermost first, and the pc of the function around them. */
export interface InlineWalk {
  /** Name of each inlined function, and the pc that stands in it. */
  readonly inlined: readonly { readonly nameOffset: number; readonly pc: number }[];
  readonly outerPc: number;
}

/**
 * Follows an inline tree from an address outwards. `indexAt` gives the record's number in force
 * at a pc, or a negative number outside inlined code. A record outside the file ends the walk.
 */
export function inlineFrames(
  elf: ElfFile,
  tree: number,
  entry: number,
  address: number,
  indexAt: (pc: number) => number,
): InlineWalk {
  const inlined: { nameOffset: number; pc: number }[] = [];
  const seen = new Set<number>();
  let pc = address;
  for (;;) {
    const index = indexAt(pc);
    if (index < 0 || seen.has(index)) break;
    seen.add(index);
    const record = tree + index * RECORD_BYTES;
    if (elf.vaddrToOffset(record + RECORD_BYTES - 1) === undefined) break;
    const view = viewOf(elf.readVirtual(record, RECORD_BYTES));
    inlined.push({ nameOffset: view.getUint32(NAME_OFFSET, true), pc });
    pc = entry + view.getInt32(PARENT_PC_OFFSET, true);
  }
  return { inlined, outerPc: pc };
}
