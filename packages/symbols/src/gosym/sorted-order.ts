/**
 * Addresses as sorted 32-bit keys with their places. What a reader would get wrong: sorting
 * numbers with a comparator costs more than symbolizing them, hence a radix sort; addresses that
 * are sorted already are only copied.
 */

/** Sorted keys, and for each its place among the addresses; undefined when that is the same. */
export interface SortedOrder {
  readonly keys: Uint32Array;
  readonly order: Uint32Array | undefined;
}

/** Both columns, as they move through the passes. */
interface SortedColumns {
  readonly keys: Uint32Array;
  readonly order: Uint32Array;
}

const DIGIT_BITS = 11;
const DIGIT_MASK = (1 << DIGIT_BITS) - 1;
const DIGITS = 3;

/** Keys of the addresses at `base` + [min, max), ascending; the other addresses are left out. */
export function sortedOrder(
  addresses: Float64Array,
  base: number,
  min: number,
  max: number,
): SortedOrder {
  const keys = new Uint32Array(addresses.length);
  const order = new Uint32Array(addresses.length);
  let count = 0;
  let sorted = true;
  let before = 0;
  for (let i = 0; i < addresses.length; i++) {
    const key = addresses[i]! - base;
    // Written so that what is not a number is left out too.
    if (!(key >= min && key < max)) continue;
    keys[count] = key;
    order[count++] = i;
    if (key < before) sorted = false;
    before = key;
  }
  const used = { keys: keys.subarray(0, count), order: order.subarray(0, count) };
  if (!sorted) return radixSort(used.keys, used.order);
  return count === addresses.length ? { keys, order: undefined } : used;
}

/** Sorts both columns by key, lowest digit first: three passes, stable. */
function radixSort(keys: Uint32Array, order: Uint32Array): SortedOrder {
  let from: SortedColumns = { keys, order };
  let to: SortedColumns = {
    keys: new Uint32Array(keys.length),
    order: new Uint32Array(keys.length),
  };
  const starts = new Uint32Array(DIGIT_MASK + 1);
  for (let digit = 0; digit < DIGITS; digit++) {
    const shift = digit * DIGIT_BITS;
    starts.fill(0);
    for (const key of from.keys) starts[(key >>> shift) & DIGIT_MASK]!++;
    for (let i = 0, sum = 0; i < starts.length; i++) {
      const uses = starts[i]!;
      starts[i] = sum;
      sum += uses;
    }
    for (let i = 0; i < from.keys.length; i++) {
      const key = from.keys[i]!;
      const at = starts[(key >>> shift) & DIGIT_MASK]!++;
      to.keys[at] = key;
      to.order[at] = from.order[i]!;
    }
    [from, to] = [to, from];
  }
  return from;
}
