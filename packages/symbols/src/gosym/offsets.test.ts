/** The tables: known rows, and refusals that name what is missing. */
import t from 'tap';
import { goOffsets, knownReleases } from './offsets.js';
import { parseGoRelease } from './release.js';
import { GO_OFFSETS, GO_PATCHES } from './tables/offsets.js';

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
  for (const [name, first, goid, curg, ncgo] of [
    ['go1.24', '1.24.0', 160, 192, 304],
    ['go1.24.4', '1.24.0', 160, 192, 304],
    ['go1.24.5', '1.24.0', 160, 192, 304],
    ['go1.24.6', '1.24.6', 160, 192, 328],
    ['go1.24.13', '1.24.6', 160, 192, 328],
    ['go1.26.8', '1.26.0', 152, 184, 328],
    ['go1.27.4', '1.27.0', 152, 184, 328],
  ] as const) {
    for (const arch of ['x86_64', 'arm64'] as const) {
      const offsets = goOffsets(release(name), arch);
      t.equal(offsets.key, `${first}/${arch}`);
      t.same(['g.goid', 'm.curg', 'm.ncgo'].map(offsets.need), [goid, curg, ncgo]);
      t.equal(offsets.need('mspan.startAddr'), 24);
    }
  }
  const offsets = goOffsets(release('go1.26.8'), 'x86_64');
  t.equal(offsets.get('heapStatsDelta.inPtrScalarBits'), undefined, 'gone since 1.25');
  t.throws(() => offsets.need('g.none'), /read offset g\.none: not in table 1\.26\.0\/x86_64/);
  t.equal(offsets.get('toString'), undefined);
});

t.test('the rung says how a row is known to hold', async t => {
  const rung = (name: string): string => goOffsets(release(name), 'arm64').rung;
  t.equal(rung('go1.24.6'), 'exact table 1.24.6/arm64');
  t.equal(rung('go1.24.9'), 'table 1.24.6/arm64, unchanged on both sides');
  t.match(rung('go1.27.99'), /^table 1\.27\.0\/arm64, newer than the last patch .*\(1\.27\.4\)$/);
});

t.test('patch releases around a move were both read', async t => {
  for (const key of Object.keys(GO_OFFSETS)) {
    const [, line, patch] = /^(1\.\d+)\.(\d+)\//.exec(key)!;
    const patches = GO_PATCHES[line!]!;
    if (Number(patch) === patches[0]) continue;
    t.ok(patches.includes(Number(patch) - 1), `${key}: the patch before it was read too`);
  }
});

t.test('both architectures have the same fields', async t => {
  t.same(knownReleases(), ['1.24', '1.26', '1.27']);
  for (const line of knownReleases()) {
    const [amd64, arm64] = ['x86_64', 'arm64'].map(arch => GO_OFFSETS[`${line}.0/${arch}`]!) as [
      object,
      object,
    ];
    t.same(Object.keys(amd64), Object.keys(arm64), line);
    t.ok(Object.keys(amd64).length > 60, line);
  }
});

t.test('other releases and moving experiments are refused by name', async t => {
  for (const [name, message] of [
    ['go1.19.8', 'go 1.19 is not supported yet: no table of its runtime offsets'],
    ['go1.25.1', 'go 1.25 is not supported yet: no table of its runtime offsets'],
    ['go1.28', 'go 1.28 is not supported yet: no table of its runtime offsets'],
    [
      'go1.26.8-X:staticlockranking',
      'go1.26.8-X:staticlockranking is not supported yet: ' +
        'GOEXPERIMENT staticlockranking moves runtime fields',
    ],
  ] as const) {
    t.throws(() => goOffsets(release(name), 'x86_64'), {
      name: 'UnknownReleaseError',
      message,
      hint: /./,
    });
  }
});
