/** Which kernels fail when they do not agree. */
import t from 'tap';
import { compareKernels } from './agreement.js';
import { judgeSuite, type SuiteVerdict } from './verdict.js';

function verdict(cell: string, ...findings: string[]): SuiteVerdict {
  const same = findings.map(finding => `# same stacks ${finding}`);
  return judgeSuite('probe-x', cell, [...same, '# compared 3', 'ok 1 - all', '1..1'], 0);
}

const failed = (verdicts: SuiteVerdict[]): Record<string, string> =>
  Object.fromEntries(
    compareKernels(verdicts).flatMap(each => (each.ok ? [] : [[each.cell, each.reasons.join()]])),
  );

t.test('the kernel that differs from most fails', async t => {
  const verdicts = [
    verdict('5.10-arm64', 'aa'),
    verdict('6.1-arm64', 'bb'),
    verdict('6.12-arm64', 'aa'),
    verdict('6.12-amd64', 'cc'),
    verdict('host', 'dd'),
  ];
  t.same(failed(verdicts), { '6.1-arm64': 'stacks: bb, but aa in 5.10-arm64, 6.12-arm64' });
});

t.test('of two that differ both fail', async t => {
  const verdicts = [verdict('5.10-amd64', 'aa'), verdict('6.12-amd64', 'bb')];
  t.same(failed(verdicts), {
    '5.10-amd64': "stacks: aa in 5.10-amd64 alone, and no kernel's answer leads",
    '6.12-amd64': "stacks: bb in 6.12-amd64 alone, and no kernel's answer leads",
  });
});

t.test('agreement, one kernel alone, and a suite without findings pass', async t => {
  t.same(failed([verdict('5.10-amd64', 'aa'), verdict('6.12-amd64', 'aa')]), {});
  t.same(failed([verdict('5.10-amd64', 'aa'), verdict('6.12-amd64')]), {});
});
