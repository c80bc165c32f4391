/** From evidence to verdicts: what is red, what is not, what makes a record stale. */
import { readFileSync } from 'node:fs';
import { Ajv } from 'ajv';
import t from 'tap';
import { readEvidence } from '../kit/evidence.js';
import { packageRoot, readMatrix } from '../matrix.js';
import { budgetRows, budgetTable } from './budget.js';
import { compatibilityText, foldMatrix, redOf, staleVerdicts } from './compatibility.js';
import { exampleCell } from './example.js';
import { compatibilityHtml } from './html.js';
import { compatibilityMarkdown } from './markdown.js';

const matrix = readMatrix();
const schema = JSON.parse(
  readFileSync(`${packageRoot}compatibility.schema.json`, 'utf8'),
) as object;
const validate = new Ajv({ allErrors: true }).compile(schema);

t.test('one way that does not attach is absent while another serves', async t => {
  const { alternatives } = exampleCell([
    { name: 'fentry', attached: false },
    { name: 'kprobe', seen: true },
    { name: 'spare' },
  ]);
  t.same(
    alternatives.map(each => each.state),
    ['absent', 'seen', 'attached'],
  );
});

t.test('a required point that nothing serves is red; an optional one is not', async t => {
  const ways = [{ name: 'fentry', attached: false }];
  t.match(exampleCell(ways).alternatives, [{ state: 'failed', stage: 'attach' }]);
  t.match(exampleCell(ways, {}, 'optional').alternatives, [{ state: 'absent' }]);
});

t.test('what the verifier refuses is red, and so is an event that never came', async t => {
  const cell = exampleCell([
    { name: 'large', loaded: false },
    { name: 'silent', seen: false },
    { name: 'sound', seen: true },
  ]);
  t.match(cell.alternatives, [
    { state: 'failed', stage: 'load', reason: /too large/, log: '5.10-amd64/on_large.log' },
    { state: 'failed', stage: 'event', reason: 'events by silent: no event came' },
    { state: 'seen', compared: 12 },
  ]);
  t.equal(cell.releases[0]?.state, 'failed', 'a release is red when any of its tests is');
  t.equal(redOf([cell]).length, 3);
});

t.test('the report fits its schema, which refuses a red entry without its reason', async t => {
  const cell = exampleCell([{ name: 'large', loaded: false }]);
  const report = foldMatrix(matrix, [cell], undefined);
  t.ok(validate(JSON.parse(compatibilityText(report))), JSON.stringify(validate.errors));
  const without = JSON.parse(
    JSON.stringify(cell.alternatives[0], (key, value: unknown) =>
      key === 'reason' ? undefined : value,
    ),
  ) as (typeof cell.alternatives)[number];
  t.notOk(validate(foldMatrix(matrix, [{ ...cell, alternatives: [without] }], undefined)));
});

t.test('a record is stale by another verdict, not by another date or count', async t => {
  const recorded = foldMatrix(matrix, [exampleCell([{ name: 'kprobe', seen: true }])], undefined);
  const later = { date: '2027-01-01', kernel: '5.10.0-99', inputs: 'fedcba9876543210' };
  const same = exampleCell([{ name: 'kprobe', seen: true, instructions: 1100 }], later);
  t.same(staleVerdicts([same], recorded), []);
  const worse = staleVerdicts([exampleCell([{ name: 'kprobe' }])], recorded);
  t.same(worse, ['example in 5.10-amd64: point by kprobe: attached, recorded: seen']);
  const gone = staleVerdicts([exampleCell([{ name: 'other', seen: true }])], recorded);
  t.ok(gone.some(line => /point by kprobe: nothing, recorded: seen/.test(line)));
  const elsewhere = exampleCell([{ name: 'kprobe', seen: true }], { cell: '6.12-arm64' });
  t.same(staleVerdicts([elsewhere], recorded), ['example in 6.12-arm64: not recorded yet']);
});

t.test('a cell that was not run keeps what was recorded', async t => {
  const old = exampleCell([{ name: 'kprobe', seen: true }], { cell: '6.1-amd64' });
  const recorded = foldMatrix(matrix, [old], undefined);
  const report = foldMatrix(matrix, [exampleCell([{ name: 'kprobe' }])], recorded);
  t.same(
    report.probes[0]?.cells.map(each => [each.cell, each.alternatives[0]?.state]),
    [
      ['5.10-amd64', 'attached'],
      ['6.1-amd64', 'seen'],
    ],
  );
});

t.test('a program that takes twice what was recorded is over its budget', async t => {
  const of = (instructions: number, compiler = 'clang 14') =>
    exampleCell([{ name: 'kprobe', seen: true, instructions }], { compiler });
  const recorded = foldMatrix(matrix, [of(1000)], undefined);
  t.same(budgetRows([of(1999)], recorded)[0]?.over, []);
  const rows = budgetRows([of(2000)], recorded);
  t.match(rows[0]?.over, [/2\.0 times the 1000 instructions/, /2\.0 times the 100 states/]);
  t.match(budgetTable(rows), /\| example on_kprobe \| 5\.10-amd64 \| 2000 \(was 1000, \+100 %\)/);
  t.match(budgetTable(budgetRows([of(1000)], recorded)), /^Verifying 1 programs took what/);
  t.same(budgetRows([of(5000, 'clang 19')], recorded)[0]?.over, [], 'another compiler');
  const most = budgetRows([of(100_001, 'clang 19')], recorded)[0]?.over;
  t.same(most, ['100001 instructions, the schema allows 100000']);
});

t.test('foreign words are escaped in the page; both prints are pure', async t => {
  const cell = exampleCell([{ name: 'large', loaded: false }]);
  const report = foldMatrix(matrix, [cell], undefined);
  const page = compatibilityHtml(report);
  t.notMatch(page, /<b>BPF program/);
  t.match(page, /&lt;b&gt;BPF program is too large/);
  t.notMatch(page, /(?:src|href)="(?!#)|@import|url\(/, 'nothing is fetched');
  t.equal(page, compatibilityHtml(report));
  t.match(compatibilityMarkdown(report), /FAILED at load \(1\)/);
});

t.test('a line of evidence that was cut off is left out', async t => {
  const line = '# evidence {"kind":"object","probe":"x","compiled":true,"hash":"0"}';
  t.equal(readEvidence(['ok 1', line, line.slice(0, 40), `    ${line}`]).length, 2);
});
