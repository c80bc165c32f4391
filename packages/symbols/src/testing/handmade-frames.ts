/**
 * Files made by hand that hold nothing but code and call frame information: one CIE, functions of
 * 256 bytes each, and their search table. What a reader would get wrong: every part can be
 * replaced by bytes that no compiler writes, which is what this is for.
 */
import { makeElf } from './handmade-elf.js';

/** Where the code, the entries and the search table lie. */
export const HANDMADE = { code: 0x10_000, frames: 0x200_000, header: 0x8000, functionBytes: 256 };

const EM_X86_64 = 62;
const PT_LOAD = 1;
const PT_GNU_EH_FRAME = 0x6474e550;
const READ = 4;
const READ_EXECUTE = 5;
/** `DW_EH_PE_pcrel | DW_EH_PE_sdata4`. */
const RELATIVE = 0x1b;
/** `DW_CFA_def_cfa rsp, 8; DW_CFA_offset ra, cfa-8`: what holds at a function's first byte. */
const AT_ENTRY = [0x0c, 7, 8, 0x90, 1];

/** What all functions share; everything that is left out is as gcc writes it. */
export interface HandmadeCommon {
  /** Replaces the length. */
  readonly length?: number;
  readonly version?: number;
  readonly augmentation?: string;
  /** LEB128 bytes. */
  readonly codeFactor?: readonly number[];
  readonly dataFactor?: readonly number[];
  /** Augmentation data, with its length in front. */
  readonly data?: readonly number[];
  readonly instructions?: readonly number[];
}

/** How one function is described, in place of an FDE that adds nothing to its CIE. */
export interface HandmadeFunction {
  readonly length?: number;
  /** Replaces the distance to the CIE. */
  readonly distance?: number;
  readonly range?: number;
  readonly instructions?: readonly number[];
}

/** What goes into the file. */
export interface HandmadeFrames {
  readonly common?: HandmadeCommon;
  readonly functions?: readonly HandmadeFunction[];
  /** Replaces version and the three encodings of the search table's header. */
  readonly encodings?: readonly number[];
  /** Replaces the search table's count. */
  readonly count?: number;
  /** Replaces the place of a function's entry in the search table, relative to the table. */
  readonly entryPlace?: number;
}

const word32 = (value: number): number[] => {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32LE(value | 0);
  return [...bytes];
};

/** The bytes of a number as unsigned LEB128. */
export function uleb(value: number | bigint): number[] {
  const bytes: number[] = [];
  let rest = BigInt(value);
  do {
    const low = Number(rest & 0x7fn);
    rest >>= 7n;
    bytes.push(rest === 0n ? low : low | 0x80);
  } while (rest !== 0n);
  return bytes;
}

function commonBytes(common: HandmadeCommon): number[] {
  const { version = 1, augmentation = 'zR', codeFactor = [1], dataFactor = [0x78] } = common;
  const { data = [1, RELATIVE], instructions = AT_ENTRY } = common;
  const letters = [...Buffer.from(augmentation), 0];
  const body = [version, ...letters, ...codeFactor, ...dataFactor, 16, ...data, ...instructions];
  return [...word32(common.length ?? body.length + 4), ...word32(0), ...body];
}

function functionBytes(each: HandmadeFunction, index: number, at: number): number[] {
  const { range = HANDMADE.functionBytes, instructions = [] } = each;
  const start = HANDMADE.code + index * HANDMADE.functionBytes;
  const place = HANDMADE.frames + at;
  const body = [...word32(start - (place + 8)), ...word32(range), 0, ...instructions];
  const { length = body.length + 4, distance = at + 4 } = each;
  return [...word32(length), ...word32(distance), ...body];
}

/** The file's bytes: an x86-64 program without section headers. */
export function makeFramesElf(frames: HandmadeFrames): Buffer {
  const { common = {}, functions = [{}], entryPlace } = frames;
  const entries = [commonBytes(common)];
  const rows: number[] = [];
  let at = entries[0]!.length;
  functions.forEach((each, index) => {
    const start = HANDMADE.code + index * HANDMADE.functionBytes;
    rows.push(...word32(start - HANDMADE.header));
    rows.push(...word32(entryPlace ?? HANDMADE.frames + at - HANDMADE.header));
    const bytes = functionBytes(each, index, at);
    entries.push(bytes);
    at += bytes.length;
  });
  const { encodings = [1, RELATIVE, 3, 0x3b], count = functions.length } = frames;
  const pointer = word32(HANDMADE.frames - (HANDMADE.header + 4));
  const header = Uint8Array.from([...encodings, ...pointer, ...word32(count), ...rows]);
  // Not `flat`: an entry may have a million bytes.
  const table = Buffer.concat([...entries.map(bytes => Uint8Array.from(bytes)), Buffer.alloc(4)]);
  const code = new Uint8Array(functions.length * HANDMADE.functionBytes).fill(0x90);
  const load = (address: number, bytes: Uint8Array, flags = READ) =>
    ({ type: PT_LOAD, flags, address, bytes }) as const;
  return makeElf({
    type: 2,
    machine: EM_X86_64,
    segments: [
      load(HANDMADE.header, header),
      load(HANDMADE.code, code, READ_EXECUTE),
      load(HANDMADE.frames, table),
      { type: PT_GNU_EH_FRAME, flags: READ, address: HANDMADE.header, bytes: header },
    ],
  });
}
