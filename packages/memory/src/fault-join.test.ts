/** The join against the plain scan that it replaces, on random lives with reused addresses. */
import t from 'tap';
import { lastAtOrBelow, orderBy } from './address-order.js';
import { joinFaults } from './fault-join.js';
import { RankSet } from './rank-set.js';
import { seeded } from './testing/random.js';

t.test('the join finds what a scan over all allocations finds', async t => {
  for (const seed of [1, 2, 3, 4, 5]) {
    const random = seeded(seed);
    const rows: { address: number; size: number; at: number; freed: number }[] = [];
    const slots = new Float64Array(50);
    for (let at = 0; at < 3000; at++) {
      const slot = Math.floor(random() * slots.length);
      if (slots[slot]! > at) continue;
      const freed = random() < 0.1 ? NaN : at + 1 + Math.floor(random() * 200);
      const size = 1 + Math.floor(random() * 100);
      // Two possible starts in one slot: a later life may begin below an earlier one's address.
      rows.push({ address: slot * 200 + Math.floor(random() * 2) * 50, size, at, freed });
      slots[slot] = Number.isNaN(freed) ? Infinity : freed + 1;
    }
    const faults = Array.from({ length: 2000 }, () => ({
      address: Math.floor(random() * slots.length * 200),
      at: Math.floor(random() * 3200),
      stack: Math.floor(random() * 9),
    }));
    const touches = joinFaults(
      {
        address: Float64Array.from(rows, row => row.address),
        sizeBytes: Float64Array.from(rows, row => row.size),
        atNs: Float64Array.from(rows, row => row.at),
        freedAtNs: Float64Array.from(rows, row => row.freed),
      },
      {
        address: Float64Array.from(faults, fault => fault.address),
        atNs: Float64Array.from(faults, fault => fault.at),
        stack: Uint32Array.from(faults, fault => fault.stack),
      },
    );
    let joined = 0;
    rows.forEach((row, index) => {
      const on = faults.filter(
        it =>
          it.address >= row.address &&
          it.address < row.address + row.size &&
          it.at >= row.at &&
          !(it.at > row.freed),
      );
      joined += on.length;
      t.equal(touches.faults[index], on.length, `faults of row ${index}`);
      const first = on.length === 0 ? NaN : Math.min(...on.map(it => it.at));
      t.same(touches.firstAtNs[index], first);
    });
    t.ok(joined > 100, `${joined} faults joined`);
  }
});

t.test('the radix order is the order of a comparison sort, ties in place', async t => {
  const random = seeded(7);
  const keys = Float64Array.from({ length: 10_000 }, () => Math.floor(random() * 2 ** 48));
  for (let row = 0; row < 3000; row++) keys[row] = keys[row + 3000]!;
  const expected = Array.from(keys.keys()).sort((a, b) => keys[a]! - keys[b]! || a - b);
  t.same(Array.from(orderBy(keys)), expected);
  t.same(Array.from(orderBy(new Float64Array(5000).fill(3))).slice(0, 3), [0, 1, 2]);
  t.same(Array.from(orderBy(new Float64Array(0))), []);
});

t.test('lastAtOrBelow finds the place, or says that there is none', async t => {
  const sorted = Float64Array.of(10, 20, 20, 30);
  t.same(
    [9, 10, 20, 29, 99].map(value => lastAtOrBelow(sorted, value)),
    [-1, 0, 2, 2, 3],
  );
});

t.test('the rank set answers like a plain set', async t => {
  const random = seeded(11);
  const size = 70_000;
  const ranks = new RankSet(size);
  const plain = new Set<number>();
  for (let step = 0; step < 4000; step++) {
    const rank = Math.floor(random() * size);
    if (random() < 0.6) {
      ranks.add(rank);
      plain.add(rank);
    } else {
      const some = [...plain][Math.floor(random() * plain.size)] ?? rank;
      ranks.delete(some);
      plain.delete(some);
    }
    if (step % 10 !== 0) continue;
    const asked = Math.floor(random() * size);
    t.equal(ranks.atOrBelow(asked), Math.max(-1, ...[...plain].filter(it => it <= asked)));
  }
});
