/**
 * Changes to call frame information that know its structure: lengths, the way to a CIE, letters,
 * encodings, instructions, expressions and search tables, each replaced by what does harm. What a
 * reader would get wrong: these are the plain edits of mutate.mjs as well, so that a recipe needs
 * no knowledge of what they meant.
 */

/** @typedef {import('./mutate.mjs').Edit} Edit */
/** @typedef {(below: number) => number} Random */
/**
 * Where the parts of one entry lie in the file; `at` is its length.
 *
 * @typedef {object} Entry
 * @property {'cie' | 'fde'} kind
 * @property {number} at
 * @property {number} end
 */
/** @typedef {{ at: number, end: number }} Range */
/** @typedef {{ entries: readonly Entry[], header: Range | undefined }} Plan */

const PT_GNU_EH_FRAME = 0x6474e550;
const ENTRIES_MAX = 20_000;

/**
 * Finds the entries of a program that nobody has changed yet.
 *
 * @param {Uint8Array} bytes
 * @param {import('../dist/index.js').ElfFile} elf
 * @returns {Plan | undefined} undefined where there are none
 */
export function planUnwind(bytes, elf) {
  const section = elf.section('.eh_frame');
  if (section === undefined || section.type === 8) return undefined;
  const view = new DataView(bytes.buffer);
  /** @type {Entry[]} */
  const entries = [];
  const last = Math.min(section.offset + section.sizeBytes, bytes.byteLength) - 8;
  for (let at = section.offset; at < last && entries.length < ENTRIES_MAX;) {
    const length = view.getUint32(at, true);
    const end = at + 4 + length;
    const kind = view.getUint32(at + 4, true) === 0 ? 'cie' : 'fde';
    if (length > 0 && end <= last + 8) entries.push({ kind, at, end });
    at = end;
  }
  const segment = elf.segments.find(each => each.type === PT_GNU_EH_FRAME);
  const header = segment && { at: segment.offset, end: segment.offset + segment.fileBytes };
  return entries.length === 0 ? undefined : { entries, header };
}

const LENGTHS = [0, 1, 3, 4, 5, 7, 0x7fffffff, 0xfffffffe, 0xffffffff, 1 << 20, (1 << 20) + 1];
const LETTERS = [...'zRPLSBGXeh\0'].map(letter => letter.charCodeAt(0));
/** Formats and bases: absolute, relative, to text, aligned, indirect, omitted, unknown ones. */
const ENCODINGS = [0, 1, 9, 0x0b, 0x1b, 0x2b, 0x3b, 0x4b, 0x50, 0x5b, 0x80, 0x9b, 0xff, 0x0f, 0x70];
const LONG_LEB = [...Array(12).fill(0x80), 1];

/** Instructions that, alone or for ever, ask for more than they should. */
const PROGRAMS = [
  [0x0a, 0x0b],
  [0x0a],
  [0x0b],
  [0x07, 0xff, 0x01, 0x0a, 0x0b],
  [0x0e, ...LONG_LEB],
  [0x0e, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f],
  [0x13, 0x41],
  [0x12, 7, 0x7f],
  [0x0c, 7, 0],
  [0x0d, 6],
  [0x0c, 0xff, 0x7f, 8],
  [0x04, 0xff, 0xff, 0xff, 0xff],
  [0x04, 0, 0, 0, 0],
  [0x01, 0, 0, 0, 0x80],
  [0x0f, 4, 0x77, 0, 0x06, 0x06],
  [0x0f, 3, 0x12, 0x12, 0x12],
  [0x0f, 0xff, 0xff, 0x03],
  [0x0f, 3, 0x2f, 0xfd, 0xff],
  [0x10, 16, 2, 0x77, 0],
  [0x16, 16, 1, 0x9c],
  [0x08, 16],
  [0x07, 16],
  [0x09, 16, 16],
  [0x05, ...LONG_LEB, 1],
  [0x2e, ...LONG_LEB],
  [0x2f, 16, 0x80],
  [0x3f],
];

/**
 * Edits that write bytes one after the other.
 *
 * @param {number} at
 * @param {readonly number[]} bytes
 * @returns {Edit[]}
 */
function write(at, bytes) {
  return bytes.map((byte, i) => ({ at: at + i, bytes: 1, value: String(byte) }));
}

/** @template T @param {Random} random @param {readonly T[]} list @returns {T} */
const pick = (random, list) => /** @type {T} */ (list[random(list.length)]);

/** @param {Random} random @param {Entry} entry @returns {Edit[]} */
function changeCommon(random, { at, end }) {
  switch (random(5)) {
    case 0:
      return [{ at, bytes: 4, value: String(pick(random, LENGTHS) >>> 0) }];
    case 1:
      return [{ at: at + 8, bytes: 1, value: String(random(6)) }];
    case 2:
      return write(at + 9 + random(4), [pick(random, LETTERS)]);
    case 3:
      // Behind the letters: factors, register, encodings.
      return write(at + 12 + random(10), [pick(random, ENCODINGS)]);
    default:
      return fill(random, at + 12 + random(10), end);
  }
}

/** @param {Random} random @param {Entry} entry @param {Plan} plan @returns {Edit[]} */
function changeFunction(random, { at, end }, plan) {
  const other = pick(random, plan.entries).at;
  switch (random(5)) {
    case 0:
      return [{ at, bytes: 4, value: String(pick(random, LENGTHS) >>> 0) }];
    case 1: {
      const distance = pick(random, [4, 0, at + 4 - other, at + 4 - other + random(9), 0x7fffffff]);
      return [{ at: at + 4, bytes: 4, value: String(distance >>> 0) }];
    }
    case 2:
      return [{ at: at + 12, bytes: 4, value: String(pick(random, LENGTHS) >>> 0) }];
    default:
      return fill(random, at + 16 + random(Math.max(1, end - at - 16)), end);
  }
}

/**
 * One of the programs, once or up to the end of the entry, at most 64 bytes of it.
 *
 * @param {Random} random
 * @param {number} at
 * @param {number} end
 * @returns {Edit[]}
 */
function fill(random, at, end) {
  const program = pick(random, PROGRAMS);
  const room = Math.max(0, Math.min(end - at, 64));
  const length = random(2) === 0 ? Math.min(room, program.length) : room;
  const bytes = Array.from({ length }, (_, i) => program[i % program.length] ?? 0);
  return write(at, bytes);
}

/** @param {Random} random @param {{ at: number, end: number }} header @returns {Edit[]} */
function changeHeader(random, { at, end }) {
  const rows = Math.max(1, Math.floor((end - at - 12) / 8));
  switch (random(4)) {
    case 0:
      return write(at + random(4), [pick(random, ENCODINGS)]);
    case 1:
      return [{ at: at + 8, bytes: 4, value: String(pick(random, LENGTHS) >>> 0) }];
    default: {
      const field = at + 12 + 8 * random(rows) + 4 * random(2);
      const value = random(2) === 0 ? random(2 ** 16) : pick(random, LENGTHS);
      return [{ at: field, bytes: 4, value: String(value >>> 0) }];
    }
  }
}

/**
 * Edits of one entry or of the search table. CIEs are changed as often as the many more FDEs are.
 *
 * @param {Random} random
 * @param {Plan} plan
 * @returns {Edit[]}
 */
export function makeUnwindEdits(random, plan) {
  if (plan.header !== undefined && random(5) === 0) return changeHeader(random, plan.header);
  const kind = random(2) === 0 ? 'cie' : 'fde';
  const some = plan.entries.filter(entry => entry.kind === kind);
  const entry = pick(random, some.length > 0 ? some : plan.entries);
  return entry.kind === 'cie' ? changeCommon(random, entry) : changeFunction(random, entry, plan);
}
