/**
 * Looks up and walks by the call frame information of one file, and counts what that costs. What a
 * reader would get wrong: more work than a lookup may do is a finding although nothing is thrown:
 * work is counted in instructions and bytes, so that a slow machine finds the same as a fast one.
 */
import * as symbols from '../dist/index.js';
import { ROW_WORK_MAX } from '../dist/unwind/row-program.js';

const PT_GNU_EH_FRAME = 0x6474e550;
const ADDRESSES = 48;
const FRAMES_MAX = 64;
/** What one lookup may run: the instructions of a CIE and of an FDE, and rules copied by them. */
const LOOKUP_WORK_MAX = 2 * ROW_WORK_MAX;
/** What it may read: an entry of a megabyte, its CIE, and their lengths. */
const LOOKUP_BYTES_MAX = (1 << 20) + (1 << 12) + 64;

/** @typedef {(act: () => unknown) => any} Ask answers undefined for an error of the right class */

/**
 * The bytes of a file, and how many of them were asked for.
 *
 * @param {Uint8Array} bytes
 */
function countingReader(bytes) {
  const reader = symbols.bufferReader(bytes);
  const read = { bytes: 0 };
  const counting = {
    size: reader.size,
    read: (/** @type {number} */ offset, /** @type {number} */ length) => {
      read.bytes += length;
      return reader.read(offset, length);
    },
  };
  return { reader: counting, read };
}

/**
 * Addresses worth asking for: the starts that the search table names, and some of the code.
 *
 * @param {symbols.ElfFile} elf
 * @param {Ask} ask
 * @returns {number[]}
 */
function addressesOf(elf, ask) {
  const addresses = [elf.entry + 1];
  for (const { address, memoryBytes } of elf.segments.filter(each => (each.flags & 1) !== 0)) {
    for (let i = 0; i < 8; i++) addresses.push(address + Math.floor((i * memoryBytes) / 8));
  }
  const header = elf.segments.find(each => each.type === PT_GNU_EH_FRAME);
  const table = header && ask(() => elf.readVirtual(header.address, header.fileBytes));
  if (header === undefined || table === undefined) return addresses;
  const view = new DataView(table.buffer, table.byteOffset, table.byteLength);
  const rows = Math.floor((view.byteLength - 12) / 8);
  const stride = Math.max(1, Math.ceil(rows / ADDRESSES));
  for (let row = 0; row < rows; row += stride) {
    const start = header.address + view.getInt32(12 + 8 * row, true);
    addresses.push(start, start + 9);
  }
  return addresses;
}

/**
 * A stack that is full of return addresses, so that a walk goes on whatever rules lead it.
 *
 * @param {readonly number[]} addresses
 */
function fullStack(addresses) {
  const words = new BigUint64Array(512);
  words.forEach((_, i) => {
    const address = addresses[i % addresses.length] ?? 0;
    words[i] = BigInt.asUintN(64, BigInt(Number.isSafeInteger(address) ? address : 0));
  });
  const address = 0x7ff0_0000;
  const bytes = new Uint8Array(words.buffer);
  return { registers: new Float64Array(33).fill(address + 64), address, bytes };
}

/**
 * Asks for rows all over a file and walks a stack from each place. Throws where a lookup or a walk
 * did more than it may, or threw what no reader may throw.
 *
 * @param {Uint8Array} file
 * @param {Ask} ask
 */
export function readUnwind(file, ask) {
  const { reader, read } = countingReader(file);
  const elf = ask(() => symbols.openElf(reader));
  const table = elf && ask(() => new symbols.UnwindTable(elf));
  if (table === undefined) return;
  // The first question reads the search table, or a section that has none.
  ask(() => table.empty);
  /** @type {(address: number) => symbols.UnwindRow | undefined} */
  const rowAt = address => {
    const before = { work: table.work.units, bytes: read.bytes };
    const row = ask(() => table.rowAt(address));
    const work = table.work.units - before.work;
    const bytes = read.bytes - before.bytes;
    if (work > LOOKUP_WORK_MAX || bytes > LOOKUP_BYTES_MAX) {
      throw new Error(`lookup of 0x${address.toString(16)}: ${work} steps, ${bytes} bytes`);
    }
    return row;
  };
  const addresses = addressesOf(elf, ask);
  const stack = fullStack(addresses);
  for (const address of addresses) {
    const row = rowAt(address);
    if (row !== undefined) {
      for (const exact of [true, false]) ask(() => symbols.packRule(elf.arch, row, exact));
    }
    for (const exact of [true, false]) walk(elf.arch, { ...stack, pc: address, exact }, rowAt);
  }
}

/**
 * Walks; never throws for what the bytes are, and never asks for more rows than there are frames.
 *
 * @param {symbols.Arch} arch
 * @param {symbols.StackCopy} copy
 * @param {(address: number) => symbols.UnwindRow | undefined} rowAt
 */
function walk(arch, copy, rowAt) {
  let asked = 0;
  const { addresses } = symbols.unwindCopy(arch, copy, {
    rowAt: (address, exact) => {
      asked++;
      return rowAt(exact ? address : address - 1);
    },
    stopAt: () => false,
    framesMax: FRAMES_MAX,
  });
  if (asked > FRAMES_MAX + 1 || addresses.length > FRAMES_MAX) {
    throw new Error(`walk from 0x${copy.pc.toString(16)}: ${asked} rows for ${addresses.length}`);
  }
}
