/** The tables: known rows, and refusals that name what is missing. */
import t from 'tap';
import { goOffsets, knownReleases } from './offsets.js';
import { parseGoRelease } from './release.js';
import { GO_OFFSETS } from './tables/offsets.js';

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
  for (const [line, goid, curg, ncgo] of [
    ['1.24', 160, 192, 304],
    ['1.26', 152, 184, 328],
    ['1.27', 152, 184, 328],
  ] as const) {
    for (const arch of ['x86_64', 'arm64'] as const) {
      const offsets = goOffsets(release(`go${line}.1`), arch);
      t.equal(offsets.key, `${line}/${arch}`);
      t.same(['g.goid', 'm.curg', 'm.ncgo'].map(offsets.need), [goid, curg, ncgo]);
      t.equal(offsets.need('mspan.startAddr'), 24);
    }
  }
  const offsets = goOffsets(release('go1.26.8'), 'x86_64');
  t.equal(offsets.get('heapStatsDelta.inPtrScalarBits'), undefined, 'gone since 1.25');
  t.throws(() => offsets.need('g.none'), /read offset g\.none: not in table 1\.26\/x86_64/);
  t.equal(offsets.get('toString'), undefined);
});

t.test('both architectures have the same fields', async t => {
  t.same(knownReleases(), ['1.24', '1.26', '1.27']);
  for (const line of knownReleases()) {
    const [amd64, arm64] = [GO_OFFSETS[`${line}/x86_64`]!, GO_OFFSETS[`${line}/arm64`]!];
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
