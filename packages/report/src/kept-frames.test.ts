/**
 * A long stack keeps what a person looks for: who allocates, the door to C, whose code, the start.
 */
import t from 'tap';
import { keptFrames } from './kept-frames.js';
import type { ReportFrame } from './report.js';

const frame = (kind: 'c' | 'go', name: string, file: string | null = null): ReportFrame => ({
  kind,
  function: name,
  file,
  line: null,
  module: '/srv/app',
  inlined: false,
  symbol: null,
  symbolSource: null,
});

const C = Array.from({ length: 12 }, (_, i) => frame('c', `c_${i}`));
const DRIVER = Array.from({ length: 6 }, (_, i) => frame('go', `sqlite.f${i}`, '/m/s@v1.0.0/f.go'));
const OWN = Array.from({ length: 9 }, (_, i) => frame('go', `shop.g${i}`, '/src/g.go'));

t.test('frames between the landmarks are left out', async t => {
  const stack = [...C, ...DRIVER, ...OWN];
  const kept = keptFrames(stack, 14).map(at => stack[at]!.function);
  t.same(kept, [
    ...['c_0', 'c_1', 'c_2', 'c_9', 'c_10', 'c_11'],
    ...['sqlite.f0', 'sqlite.f1', 'sqlite.f2'],
    ...['shop.g0', 'shop.g1', 'shop.g2'],
    ...['shop.g7', 'shop.g8'],
  ]);
});

t.test('a stack that fits is whole, and one of C alone keeps both ends', async t => {
  t.same(keptFrames(C, 12), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
  t.same(keptFrames(C, 4), [0, 1, 10, 11]);
});
