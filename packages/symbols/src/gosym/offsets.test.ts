/** The tables: known rows, and refusals that name what is missing. */
import t from 'tap';
import { goConstants, goOffsets, knownFields, knownReleases, waitReasonText } from './offsets.js';
import { parseGoRelease } from './release.js';
import { EXPERIMENT_MOVES } from './tables/experiments.js';
import { CONSTANT_HISTORY } from './tables/constants.js';
import { FIELD_HISTORY, GO_PATCHES } from './tables/layouts.js';
import { WAIT_REASONS } from './tables/wait-reasons.js';

const release = (name: string): NonNullable<ReturnType<typeof parseGoRelease>> =>
  parseGoRelease(name)!;

t.test('release names', async t => {
  t.match(release('go1.26.8'), { minor: 26, patch: 8, line: '1.26', experiments: [] });
  t.match(release('go1.26.11-X:arenas,greenteagc'), { experiments: ['arenas', 'greenteagc'] });
  t.match(release('go1.24.4 X:boringcrypto'), { patch: 4, experiments: ['boringcrypto'] });
  t.match(release('go1.27rc1'), { minor: 27, patch: 0 });
  t.match(release('devel go1.28-0123abc Tue Feb 3'), { minor: 28 });
  for (const name of ['', 'go2.0', 'go1.', 'go1.26x', 'gccgo 14']) {
    t.equal(parseGoRelease(name), undefined, name);
  }
});

t.test('rows hold what the runtime of that release was seen to have', async t => {
  // Measured in running programs with probes, not by the generator of the tables.
  for (const [name, goid, curg, ncgo, elemsize] of [
    ['go1.15.15', 152, 192, 312, 104],
    ['go1.16.15', 152, 192, 312, 104],
    ['go1.17.13', 152, 192, 312, 104],
    ['go1.18.10', 152, 192, 312, 104],
    ['go1.19.13', 152, 192, 312, 104],
    ['go1.20.14', 152, 192, 312, 104],
    ['go1.21.13', 152, 192, 312, 112],
    ['go1.22.12', 152, 192, 304, 104],
    ['go1.23.11', 160, 192, 304, 104],
    ['go1.23.12', 160, 192, 328, 104],
    ['go1.24', 160, 192, 304, 104],
    ['go1.24.5', 160, 192, 304, 104],
    ['go1.24.6', 160, 192, 328, 104],
    ['go1.24.13', 160, 192, 328, 104],
    ['go1.25.12', 152, 184, 320, 104],
    ['go1.26.8', 152, 184, 328, 104],
    ['go1.27.4', 152, 184, 328, 104],
  ] as const) {
    for (const arch of ['x86_64', 'arm64'] as const) {
      const offsets = goOffsets(release(name), arch);
      const found = ['g.goid', 'm.curg', 'm.ncgo', 'mspan.elemsize'].map(offsets.need);
      t.same(found, [goid, curg, ncgo, elemsize], `${name} ${arch}`);
      t.equal(offsets.need('mspan.startAddr'), 24);
    }
  }
});

t.test('a field that a release lacks has no offset', async t => {
  const offsets = goOffsets(release('go1.26.8'), 'x86_64');
  t.equal(offsets.key, '1.26.0/x86_64');
  t.equal(offsets.get('heapStatsDelta.inPtrScalarBits'), undefined, 'gone since 1.25');
  t.throws(() => offsets.need('g.none'), /read offset g\.none: not in table 1\.26\.0\/x86_64/);
  t.equal(offsets.get('toString'), undefined);
  const old = goOffsets(release('go1.15.15'), 'x86_64');
  t.equal(old.get('pcHeader.magic'), undefined, 'there since 1.16');
  t.equal(old.need('mstats.heap_inuse'), 72);
});

t.test('the rung says how a row is known to hold', async t => {
  const rung = (name: string): string => goOffsets(release(name), 'arm64').rung;
  t.equal(rung('go1.24.6'), 'exact table 1.24.6/arm64');
  t.equal(rung('go1.24.9'), 'table 1.24.6/arm64, unchanged on both sides');
  t.match(rung('go1.27.99'), /^table 1\.27\.0\/arm64, newer than the last patch .*\(1\.27\.4\)$/);
  t.match(rung('go1.19.3'), /^table 1\.19\.0\/arm64, unchanged on both sides but for 2 fields$/);
});

t.test('between patches where one moved a field, that field alone has no answer', async t => {
  const offsets = goOffsets(release('go1.19.3'), 'x86_64');
  t.equal(offsets.get('mspan.freeIndexForScan'), undefined);
  t.throws(() => offsets.need('mspan.sizeof'), { name: 'UnknownReleaseError', hint: /0, 2, 4/ });
  t.equal(offsets.need('mspan.elemsize'), 104);
  t.equal(goOffsets(release('go1.19.8'), 'x86_64').need('mspan.sizeof'), 144, "Debian's");
});

t.test('histories are ascending, and each row changes something', async t => {
  t.same(knownReleases().length, 13);
  t.ok(knownFields().length > 700);
  const minor = (since: string): number => {
    const [, line, patch] = since.split('.').map(Number);
    return line! * 1000 + (patch ?? 0);
  };
  for (const [name, rows] of Object.entries({ ...FIELD_HISTORY, ...CONSTANT_HISTORY })) {
    rows.forEach(([since, amd64, arm64], index) => {
      const last = rows[index - 1] ?? ['1.0', null, null];
      if (minor(last[0]) >= minor(since)) t.fail(`${name}: ${since} is not after ${last[0]}`);
      if (last[1] === amd64 && last[2] === arm64) t.fail(`${name}: ${since} changes nothing`);
    });
  }
  for (const line of knownReleases()) t.equal(GO_PATCHES[line]![0], 0, `${line}: first patch`);
});

t.test('constants and wait reasons are those of the release', async t => {
  const kind = (name: string): number => goConstants(release(name)).need('_KindSpecialProfile');
  t.same(['go1.15.15', 'go1.23.12', 'go1.25.3'].map(kind), [2, 3, 4]);
  const wrapper = (name: string): number => goConstants(release(name)).need('FuncIDWrapper');
  t.same(['go1.19.8', 'go1.24.13', 'go1.27.4'].map(wrapper), [21, 22, 23]);
  t.equal(goConstants(release('go1.15.15')).get('_KindSpecialCleanup'), undefined);
  t.throws(() => goConstants(release('go1.15')).need('none'), RangeError);
  t.equal(waitReasonText(release('go1.15.15'), 0), '');
  for (const name of ['go1.15.15', 'go1.27.4']) {
    const texts = [...Array(60).keys()].map(n => waitReasonText(release(name), n));
    t.ok(texts.includes('chan receive') && texts.includes('select'), name);
    t.equal(texts.at(-1), undefined);
  }
  t.equal(WAIT_REASONS[0]![0], '1.15');
});

t.test('experiments: those that move fields are answered one at a time', async t => {
  const plain = goOffsets(release('go1.26.8'), 'x86_64');
  const name = 'go1.26.8-X:staticlockranking';
  const moved = EXPERIMENT_MOVES['1.26']!['staticlockranking']!;
  const ranked = goOffsets(release(name), 'x86_64');
  t.equal(ranked.rung, 'exact table 1.26.0/x86_64 with staticlockranking');
  t.not(ranked.need('mheap.allspans'), plain.need('mheap.allspans'));
  for (const [field, amd64] of moved) t.equal(ranked.get(field) ?? null, amd64, field);
  t.equal(ranked.need('g.goid'), plain.need('g.goid'));
  t.same(EXPERIMENT_MOVES['1.26']!['arenas'], []);
});

t.test('other releases and unknown experiments are refused by name', async t => {
  for (const [name, message] of [
    ['go1.14.8', 'go 1.14 is not supported yet: no table of its runtime offsets'],
    ['go1.28', 'go 1.28 is not supported yet: no table of its runtime offsets'],
    [
      'go1.26.8-X:arenas,frobnicate',
      'go1.26.8-X:arenas,frobnicate is not supported yet: ' +
        'GOEXPERIMENT frobnicate is not one that the tables know',
    ],
  ] as const) {
    t.throws(() => goOffsets(release(name), 'x86_64'), {
      name: 'UnknownReleaseError',
      message,
      hint: /./,
    });
  }
});
