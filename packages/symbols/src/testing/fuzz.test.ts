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

t.test('what was once found is read rightly', async t => {
  const replay = fileURLToPath(new URL('replay.mjs', FUZZ));
  const { status, stdout, stderr } = spawnSync(process.execPath, [replay], {
    encoding: 'utf8',
    timeout: 240_000,
  });
  t.equal(status, 0, stderr);
  t.match(stdout, /^\d+ recipes read\n$/);
});
