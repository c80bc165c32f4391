/** The tables as people and programs read them: keys, rows, refusals. */
import t from 'tap';
import { tableRows } from '@sonde/symbols';
import { runSonde } from './testing/command-line.js';

type Tables = Record<string, Record<string, number>>;

async function tables(...args: string[]): Promise<Tables> {
  const { code, out, err } = await runSonde(['tables', '--json', ...args]);
  t.equal(code, 0, err);
  return JSON.parse(out) as Tables;
}

t.test('JSON: releases by architecture, fields by runtime type, bytes', async t => {
  const all = await tables();
  for (const arch of ['amd64', 'arm64']) {
    t.match(all[`1.24/${arch}`], { 'g.goid': 160, 'mspan.startAddr': 24, 'moduledata.text': 176 });
    t.equal(all[`1.27/${arch}`]!['g.goid'], 152);
  }
  t.equal(all['1.24/amd64']!['m.ncgo'], 304);
  t.equal(all['1.24.6/amd64']!['m.ncgo'], 328, 'a patch release moved it');
  t.notOk('1.24.13/amd64' in all, 'a patch release that moved nothing has no row');
  t.ok('heapStatsDelta.inPtrScalarBits' in all['1.24/amd64']!);
  t.notOk('heapStatsDelta.inPtrScalarBits' in all['1.26/amd64']!, 'absent fields are absent');
  const minors = Object.keys(all).map(key => Number(key.split(/[./]/)[1]));
  t.same(
    minors,
    [...minors].sort((a, b) => a - b),
    'sorted by release',
  );
  t.equal(Object.keys(all).length, tableRows().length);
});

t.test('--go and --arch choose rows', async t => {
  t.same(Object.keys(await tables('--go', '1.27')), ['1.27/amd64', '1.27/arm64']);
  t.same(Object.keys(await tables('--go', '1.24.8', '--arch', 'arm64')), ['1.24.6/arm64']);
  t.same(Object.keys(await tables('--go', 'go1.24.5', '--arch', 'amd64')), ['1.24/amd64']);
  const { out } = await runSonde(['tables', '--go', '1.27']);
  t.match(out, /^ +1\.27\/amd64 +1\.27\/arm64\n/);
  t.match(out, /^g\.goid +152 +152$/m);
});

t.test('without --go the text says which fields moved, and when', async t => {
  const { out } = await runSonde(['tables']);
  t.match(out, /^g\.goid +.*152 since 1\.2\d/m);
  t.match(out, /^m\.ncgo .*328 since 1\.24\.6/m);
  t.notMatch(out, /^mspan\.startAddr /m, 'it never did');
});

t.test('a release without a table is refused in one line', async t => {
  for (const go of ['1.99', '1.14', 'go1.99.3', 'new', '2.0']) {
    const { code, out, err } = await runSonde(['tables', '--go', go, '--json']);
    t.equal(code, 2, go);
    t.equal(out, '');
    t.match(err, /^sonde: read (--go|tables).*\n {2}there are tables for .*1\.24, .*1\.27\n$/);
  }
});
