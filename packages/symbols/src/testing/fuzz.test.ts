/** The fuzzer itself: its edits, its recipes, and one small run in which nothing may be found. */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import t from 'tap';

const FUZZ = new URL('../../fuzz/', import.meta.url);

interface Mutate {
  numbers(seed: number): (below: number) => number;
  makeEdits(random: (below: number) => number, size: number, regions: readonly object[]): object[];
  applyEdits(original: Uint8Array, edits: readonly object[]): Uint8Array;
}

t.test('the same seed gives the same edits, and edits never leave the bytes', async t => {
  const { numbers, makeEdits, applyEdits } = (await import(
    new URL('mutate.mjs', FUZZ).href
  )) as Mutate;
  const regions = [{ start: 10, end: 50 }];
  t.same(makeEdits(numbers(5), 64, regions), makeEdits(numbers(5), 64, regions));
  t.notSame(makeEdits(numbers(5), 64, regions), makeEdits(numbers(6), 64, regions));
  const zeros = new Uint8Array(64);
  let changed = 0;
  for (let seed = 0; seed < 500; seed++) {
    const bytes = applyEdits(zeros, makeEdits(numbers(seed), 64, regions));
    t.ok(bytes.byteLength <= 64);
    if (bytes.byteLength < 64 || bytes.some(byte => byte !== 0)) changed++;
  }
  t.ok(changed > 400, 'most of them change something');
  t.ok(
    zeros.every(byte => byte === 0),
    'the original is left alone',
  );
  t.same(applyEdits(zeros, [{ at: 8, bytes: 4, value: '258' }]).subarray(8, 12), [2, 1, 0, 0]);
});

interface MutateUnwind {
  makeUnwindEdits(random: (below: number) => number, plan: object): { at: number }[];
}

t.test('edits of call frame information stay within it, and reach each of its parts', async t => {
  const { makeUnwindEdits } = (await import(
    new URL('mutate-unwind.mjs', FUZZ).href
  )) as MutateUnwind;
  const { numbers } = (await import(new URL('mutate.mjs', FUZZ).href)) as Mutate;
  const entries = [
    { kind: 'cie', at: 100, end: 124 },
    { kind: 'fde', at: 124, end: 164 },
  ];
  const plan = { entries, header: { at: 20, end: 40 } };
  const places = new Set<number>();
  for (let seed = 0; seed < 2000; seed++) {
    for (const { at } of makeUnwindEdits(numbers(seed), plan)) places.add(at);
  }
  const outside = [...places].filter(at => at < 20 || (at >= 40 && at < 100) || at >= 164);
  t.same(outside, []);
  const fields = [20, 28, 32, 36, 100, 108, 109, 112, 124, 128, 136, 140, 163];
  t.same(
    fields.filter(at => !places.has(at)),
    [],
    'header, rows, lengths, version, letters, factors, the way to the CIE, range, instructions',
  );
});

t.test('what was once found is read rightly', async t => {
  const replay = fileURLToPath(new URL('replay.mjs', FUZZ));
  const { status, stdout, stderr } = spawnSync(process.execPath, [replay], {
    encoding: 'utf8',
    timeout: 240_000,
  });
  t.equal(status, 0, stderr);
  t.match(stdout, /^\d+ recipes read\n$/);
});
