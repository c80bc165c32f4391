/** Version strings as Go's own builds, distributions and vendors write them. */
import t from 'tap';
import { parseGoRelease } from './release.js';

t.test('what vendors add is kept apart from the release', async t => {
  const cases = [
    ['go1.22.3 (Red Hat 1.22.3-1.el9)', 22, 3, '(Red Hat 1.22.3-1.el9)'],
    ['go1.20.5-fips', 20, 5, 'fips'],
    ['go1.19.4b7', 19, 4, 'b7'],
    ['go1.21rc2', 21, 0, 'rc2'],
    ['go1.18beta1', 18, 0, 'beta1'],
    ['go1.23.4+auto', 23, 4, 'auto'],
    ['go1.25.1-ms', 25, 1, 'ms'],
    ['devel go1.28-0123abcdef Tue Feb 3 10:00:00 2026 +0000', 28, 0, undefined],
  ] as const;
  for (const [name, minor, patch, variant] of cases) {
    const release = parseGoRelease(name);
    t.match(release, { name, minor, patch, line: `1.${minor}`, experiments: [] });
    if (variant !== undefined) t.equal(release?.variant, variant, name);
  }
  t.match(parseGoRelease(cases.at(-1)![0])?.variant, /^devel 0123abcdef/);
  t.equal(parseGoRelease('go1.26.8')?.variant, undefined);
});

t.test('experiments are told from what a vendor adds', async t => {
  t.match(parseGoRelease('go1.26.11-X:arenas,greenteagc'), {
    patch: 11,
    experiments: ['arenas', 'greenteagc'],
  });
  const both = parseGoRelease('go1.24.4 (Red Hat 1.24.4-1) X:boringcrypto,strictfipsruntime');
  t.match(both, {
    experiments: ['boringcrypto', 'strictfipsruntime'],
    variant: '(Red Hat 1.24.4-1)',
  });
});

t.test('what names no release of Go 1 is none', async t => {
  for (const name of [
    '',
    'go',
    'go1',
    'go1.',
    'go2.1',
    'go1.22.3x',
    'go1.1234',
    ' go1.22',
    'v1.2',
  ]) {
    t.equal(parseGoRelease(name), undefined, name);
  }
});
