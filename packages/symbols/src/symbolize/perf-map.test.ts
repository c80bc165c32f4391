/** Perf maps, honest ones and hostile ones. */
import t from 'tap';
import { PerfMap } from './perf-map.js';

t.test('functions by address; the later line wins where code was replaced', async t => {
  const map = new PerfMap(
    '7f0000001000 40 LazyCompile:*add /srv/app.js:3\n' +
      '0x7f0000001040 0x10 Builtin:Add\n' +
      '7f0000000000 8000 whole region\n' +
      '7f0000001000 20 LazyCompile:*sub\n' +
      '7f0000009000 20 unfinished',
  );
  t.equal(map.size, 4, 'a line without its end is still being written');
  t.same(map.refused, []);
  const name = (address: number): string | undefined => map.at(address)?.name;
  t.equal(name(0x7f0000001000), 'LazyCompile:*sub');
  t.equal(name(0x7f000000101f), 'LazyCompile:*sub');
  t.equal(name(0x7f0000001020), 'whole region');
  t.match(map.at(0x7f0000007fff), { name: 'whole region', offset: 0x7fff });
  t.equal(name(0x7f0000008000), undefined);
  t.equal(name(0x7effffffffff), undefined);
});

t.test('hostile lines are refused by their number, and the others hold', async t => {
  const map = new PerfMap(
    [
      '1000 10 good',
      'nonsense',
      '1010 10',
      'ffffffffffffffff 10 kernel',
      '1020 0 empty',
      `1030 10 ${'x'.repeat(5000)}`,
      '1040 10 esc\u001b[31mape',
      '-5 10 negative',
      '',
    ].join('\n'),
  );
  t.same(map.refused, [
    'line 2: "nonsense" is not START SIZE NAME',
    'line 3: "1010 10" is not START SIZE NAME',
    'line 4: 0xffffffffffffffff + 0x10 is no user address',
    'line 5: "empty" has no bytes',
    'line 6: it has 5008 characters',
  ]);
  t.equal(map.refusedCount, 6, 'all are counted, five are worded');
  t.equal(map.at(0x1005)?.name, 'good');
  t.equal(map.at(0x1045)?.name, 'esc?[31mape');
  t.equal(new PerfMap('').at(1), undefined);
});

t.test('many lines over one another cost a bounded look', async t => {
  const lines = Array.from({ length: 200_000 }, (_, i) => `${i.toString(16)} ffffff f${i}`);
  const map = new PerfMap(`${lines.join('\n')}\n`);
  t.equal(map.at(199_999)?.name, 'f199999');
  t.equal(map.at(1_000_000)?.name, 'f199999');
});
