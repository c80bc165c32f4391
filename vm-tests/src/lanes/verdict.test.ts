/**
 * What a suite's output amounts to: green needs tests, a plan, an exit code of 0, and comparisons.
 */
import t from 'tap';
import { failureExcerpt, judgeSuite, verdictLine } from './verdict.js';

const GOOD = ['TAP version 14', '# Subtest: x', '    ok 1 - a', '    # compared 12', '    1..1'];
const END = ['ok 1 - x # time=3ms', '# compared 3', 'ok 2 - old # SKIP needs kernel 5.15', '1..2'];

t.test('passes, skips and comparisons are counted', async t => {
  const verdict = judgeSuite('probe-x', '5.10-amd64', [...GOOD, ...END], 0);
  t.match(verdict, { passed: 1, failed: 0, skipped: 1, compared: 15, ok: true, reasons: [] });
  t.match(verdictLine(verdict), /^ok {3}probe-x in 5\.10-amd64: 1 passed, .* 15 events compared$/);
});

t.test('each way to prove nothing fails', async t => {
  const judge = (lines: string[], code: number | undefined): string =>
    judgeSuite('x', 'c', lines, code).reasons.join();
  t.match(judge(['ok 1 - a', '1..1'], 0), /compared no events/);
  t.match(judge([...GOOD, ...END], 2), /exited with 2/);
  t.match(judge([...GOOD, ...END], undefined), /never ended/);
  t.match(judge([...GOOD, ...END], 137), /killed/);
  t.match(judge(GOOD, 0), /output is broken/);
  t.match(judge([], 0), /output is broken|compared no events/);
  t.match(judge(['# compared 1', 'not ok 1 - a sum', '1..1'], 1), /not ok: a sum/);
});

t.test('the excerpt holds the failed assertion with its diagnostics, and not its sum', async t => {
  const lines = [
    '    ok 1 - fine',
    '    not ok 2 - wrong',
    '      ---',
    '      diff: 1',
    '      ...',
    '    1..2',
    'not ok 1 - subtest # time=1ms',
    'ok 2 - other',
  ];
  t.strictSame(failureExcerpt(lines), lines.slice(1, 5));
  t.strictSame(failureExcerpt(['crashed']), ['crashed']);
});
