/** Sorting of addresses, against the sort of the language. */
import t from 'tap';
import { sortedOrder } from './sorted-order.js';

const BASE = 0x55_0000_0000;
const MIN = 0x1000;
const MAX = 0xfff0_0000;

/** A small deterministic generator of whole numbers below a bound. */
function random(seed: number): (below: number) => number {
  let state = seed;
  return below => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

/** What is expected: places of the addresses within the bounds, by address, then by place. */
function expected(addresses: Float64Array): number[] {
  return Array.from(addresses.keys())
    .filter(i => addresses[i]! - BASE >= MIN && addresses[i]! - BASE < MAX)
    .sort((a, b) => addresses[a]! - addresses[b]! || a - b);
}

t.test('any order, with repetitions and strangers among them', async t => {
  const next = random(7);
  for (const count of [1, 2, 3, 100, 5000]) {
    const addresses = Float64Array.from({ length: count }, () => BASE + next(MAX + 0x20000));
    for (let i = 0; i < count; i += 3) addresses[i] = addresses[next(count)]!;
    if (count > 2) addresses.set([NaN, Infinity], count - 2);
    const { keys, order } = sortedOrder(addresses, BASE, MIN, MAX);
    const wanted = expected(addresses);
    t.same(Array.from(order ?? addresses.keys()), wanted, `${count} addresses`);
    t.same(
      Array.from(keys),
      wanted.map(i => addresses[i]! - BASE),
    );
  }
});

t.test('what is sorted stays as it is', async t => {
  const within = Float64Array.from([BASE + MIN, BASE + MIN, BASE + MAX - 1]);
  t.match(sortedOrder(within, BASE, MIN, MAX), { order: undefined });
  const partly = Float64Array.from([0, BASE + MIN - 1, BASE + MIN, BASE + MAX - 1, BASE + MAX]);
  const { keys, order } = sortedOrder(partly, BASE, MIN, MAX);
  t.same([...keys], [MIN, MAX - 1], 'the first address belongs to it, the last does not');
  t.same([...order!], [2, 3]);
  t.same([...sortedOrder(new Float64Array(0), BASE, MIN, MAX).keys], []);
});
