/** The brake's judgement, as a table. */
import t from 'tap';
import { judge, type PointCost } from './brake.js';

const SECOND = 1e9;

function cost(group: string, costNs: number, probe = 'p'): PointCost {
  return { probe, group, hits: 1000, costNs };
}

t.test('below the limit nothing is detached', async t => {
  t.equal(judge([cost('a', 0.06 * SECOND), cost('b', 0.03 * SECOND)], SECOND, 0.1), undefined);
  t.equal(judge([], SECOND, 0.1), undefined);
});

t.test('above it the dearest group goes, pairs counted together', async t => {
  const costs = [
    cost('single', 0.07 * SECOND),
    cost('pair', 0.05 * SECOND),
    cost('pair', 0.04 * SECOND),
  ];
  const decision = judge(costs, SECOND, 0.1);
  t.equal(decision?.group, 'pair');
  t.match(decision?.reason, /16\.0 % of one CPU, more than 10\.0 %; pair was hit 2000 times/);
});

t.test('groups of the same name in two probes are two groups', async t => {
  const costs = [cost('a', 0.06 * SECOND, 'p'), cost('a', 0.07 * SECOND, 'q')];
  t.equal(judge(costs, SECOND, 0.1)?.probe, 'q');
});

t.test('a burst within a short interval is not judged', async t => {
  t.equal(judge([cost('a', SECOND)], SECOND / 2, 0.1), undefined);
});

t.test('a longer interval is judged by its share', async t => {
  t.equal(judge([cost('a', 0.15 * SECOND)], 2 * SECOND, 0.1), undefined);
  t.equal(judge([cost('a', 0.25 * SECOND)], 2 * SECOND, 0.1)?.group, 'a');
});

t.test('deaths are given up after the births of their probe', async t => {
  const free = { probe: 'c', group: 'free', hits: 900, costNs: 9e8, last: true };
  const malloc = { probe: 'c', group: 'malloc', hits: 100, costNs: 1e8, last: false };
  const fault = { probe: 'faults', group: 'fault', hits: 10, costNs: 1e6 };
  t.equal(judge([free, malloc, fault], 1e9, 0.1)?.group, 'malloc');
  t.equal(judge([free, { ...malloc, hits: 0, costNs: 0 }, fault], 1e9, 0.1)?.group, 'free');
});
