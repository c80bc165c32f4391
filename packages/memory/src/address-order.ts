/**
 * The order of a column of whole numbers, as a permutation. A radix sort, because sorting an index
 * by a comparison function costs most of a second at a million rows, and this costs a few dozen
 * milliseconds. Keys must be whole and not negative; they may be as large as 2^53.
 */

const DIGIT_BITS = 16;
const DIGITS = 1 << DIGIT_BITS;

/**
 * The permutation that puts `keys` in ascending order; equal keys keep their order. Costs one pass
 * over the rows for each 16 bits that the keys' range needs. Below a few thousand rows a plain
 * comparison sort is used, which gives the same answer.
 */
export function orderBy(keys: Float64Array): Uint32Array {
  const order = new Uint32Array(keys.length);
  for (let row = 0; row < order.length; row++) order[row] = row;
  if (keys.length < 4096) {
    return order.sort((a, b) => keys[a]! - keys[b]! || a - b);
  }
  let lowest = Infinity;
  let highest = -Infinity;
  for (const key of keys) {
    if (key < lowest) lowest = key;
    if (key > highest) highest = key;
  }
  let from = order;
  let to = new Uint32Array(keys.length);
  const starts = new Uint32Array(DIGITS);
  for (let scale = 1; scale <= highest - lowest; scale *= DIGITS) {
    scatter(keys, lowest, scale, from, to, starts);
    [from, to] = [to, from];
  }
  return from;
}

/** One stable counting pass over the digit that `scale` selects. */
function scatter(
  keys: Float64Array,
  lowest: number,
  scale: number,
  from: Uint32Array,
  to: Uint32Array,
  starts: Uint32Array,
): void {
  starts.fill(0);
  for (const row of from) starts[digit(keys[row]! - lowest, scale)]!++;
  let sum = 0;
  for (let value = 0; value < DIGITS; value++) {
    const count = starts[value]!;
    starts[value] = sum;
    sum += count;
  }
  for (const row of from) to[starts[digit(keys[row]! - lowest, scale)]!++] = row;
}

function digit(value: number, scale: number): number {
  return Math.floor(value / scale) % DIGITS;
}

/** The index of the last element of an ascending column that is ≤ `value`, or -1. */
export function lastAtOrBelow(sorted: Float64Array, value: number): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (sorted[middle]! <= value) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}
