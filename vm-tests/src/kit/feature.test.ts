/** A skip is earned by the kernel's age, and by nothing else. */
import t from 'tap';
import { kernelAtLeast, type CellInfo } from './cell.js';
import { judgeFeature } from './feature.js';

const cell = (release: string, arch: CellInfo['arch'] = 'x86_64'): CellInfo => ({
  lane: 'guest',
  name: 'test',
  release,
  arch,
});
const missing = { name: 'attach cookies', since: '5.15', available: false, evidence: 'EINVAL' };

t.test('kernel releases are compared by their first two numbers', async t => {
  t.ok(kernelAtLeast('5.15', '5.15.0-1-amd64'));
  t.ok(kernelAtLeast('5.15', '6.1.0'));
  t.notOk(kernelAtLeast('5.15', '5.9.300'));
  t.throws(() => kernelAtLeast('5.15', 'unknown'), { message: /not a kernel release/ });
});

t.test('present: run; missing on an old kernel: skip; missing on a new one: fail', async t => {
  t.equal(judgeFeature({ ...missing, available: true }, cell('4.4')).kind, 'run');
  t.match(judgeFeature(missing, cell('5.10.1')), { kind: 'skip', reason: /needs kernel 5\.15/ });
  t.match(judgeFeature(missing, cell('6.12.1')), { kind: 'fail', reason: /EINVAL/ });
});

t.test("an architecture may come later, or never; a host's kernel is not the matrix's", async t => {
  const arm = cell('6.1.0', 'arm64');
  t.equal(judgeFeature(missing, arm, { arm64: '6.4' }).kind, 'skip');
  t.equal(judgeFeature(missing, arm, { arm64: 'never' }).kind, 'skip');
  t.equal(judgeFeature(missing, arm, { x86_64: 'never' }).kind, 'fail');
  t.equal(judgeFeature(missing, { ...cell('6.12.1'), lane: 'host' }).kind, 'skip');
});
