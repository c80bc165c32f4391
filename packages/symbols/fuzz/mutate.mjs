/**
 * Changes to a program's bytes that know where its tables lie. What a reader would get wrong: a
 * mutation is a list of plain edits, so that a failure can be kept as a recipe of a few numbers and
 * made smaller by leaving edits out.
 */

import { makeUnwindEdits } from './mutate-unwind.mjs';

/** @typedef {{ at: number, bytes: 1 | 4 | 8, value: string } | { cut: number }} Edit */
/** @typedef {{ start: number, end: number }} Region */
/** @typedef {import('./mutate-unwind.mjs').Plan} Plan */

const BOUNDARIES = [
  0n,
  1n,
  7n,
  8n,
  0x7fn,
  0xffn,
  0xffffn,
  0x7fffffffn,
  0x80000000n,
  0xffffffffn,
  0x100000000n,
  0x1fffffffffffffn,
  0x20000000000000n,
  0x7fffffffffffffffn,
  0xffffffffffffffffn,
];

/**
 * Numbers from a seed: the same seed gives the same numbers on every machine (xorshift32).
 *
 * @param {number} seed
 * @returns {(below: number) => number} a whole number from 0 to below - 1
 */
export function numbers(seed) {
  let state = (seed ^ 0x9e3779b9) >>> 0 || 1;
  return below => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % Math.max(1, below);
  };
}

/**
 * One to four changes of a file of this size, most of them inside the regions of its tables. A file
 * with a plan of its call frame information has that changed by every other one.
 *
 * @param {(below: number) => number} random
 * @param {number} size
 * @param {readonly Region[]} regions
 * @param {Plan} [unwind]
 * @returns {Edit[]}
 */
export function makeEdits(random, size, regions, unwind) {
  /** @type {Edit[]} */
  const edits = [];
  for (let count = 1 + random(4); count > 0; count--) {
    if (unwind !== undefined && random(2) === 0) {
      edits.push(...makeUnwindEdits(random, unwind));
      continue;
    }
    if (random(40) === 0) {
      edits.push({ cut: random(size) });
      continue;
    }
    const region = regions[random(regions.length)] ?? { start: 0, end: size };
    // The heads of tables decide more than their tails.
    const span = region.end - region.start;
    const at = region.start + random(random(2) === 0 ? Math.min(span, 256) : span);
    const bytes = /** @type {1 | 4 | 8} */ ([1, 4, 8][random(3)]);
    const aligned = random(4) === 0 ? at : at - (at % bytes);
    const value =
      bytes === 1 || random(3) === 0
        ? BigInt(random(2 ** 32))
        : /** @type {bigint} */ (BOUNDARIES[random(BOUNDARIES.length)]);
    edits.push({ at: aligned, bytes, value: BigInt.asUintN(bytes * 8, value).toString() });
  }
  return edits;
}

/**
 * The edits of one input: whoever runs it and whoever watches it have to make the same.
 *
 * @param {(below: number) => number} random
 * @param {{ bytes: Uint8Array, regions: readonly Region[], unwind: Plan | undefined }} program
 * @returns {Edit[]}
 */
export function editsOf(random, { bytes, regions, unwind }) {
  return makeEdits(random, bytes.byteLength, regions, unwind);
}

/**
 * A changed copy of the bytes.
 *
 * @param {Uint8Array} original
 * @param {readonly Edit[]} edits
 * @returns {Uint8Array}
 */
export function applyEdits(original, edits) {
  let bytes = Uint8Array.from(original);
  for (const edit of edits) {
    if ('cut' in edit) {
      bytes = bytes.slice(0, edit.cut);
      continue;
    }
    if (edit.at + edit.bytes > bytes.byteLength) continue;
    const view = new DataView(bytes.buffer);
    const value = BigInt(edit.value);
    if (edit.bytes === 8) view.setBigUint64(edit.at, value, true);
    else if (edit.bytes === 4) view.setUint32(edit.at, Number(value), true);
    else bytes[edit.at] = Number(value);
  }
  return bytes;
}
