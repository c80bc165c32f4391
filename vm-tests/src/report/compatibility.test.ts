/** From evidence to verdicts: what is red, what is not, what makes a record stale. */
import { existsSync, readFileSync } from 'node:fs';
import { Ajv } from 'ajv';
import t from 'tap';
import { readEvidence } from '../kit/evidence.js';
import { allCells, packageRoot, readMatrix } from '../matrix.js';
import { budgetRows, budgetTable } from './budget.js';
import {
  compatibilityText,
  foldMatrix,
  redOf,
  staleVerdicts,
  type Compatibility,
} from './compatibility.js';
import { uncovered, type ProbeShape } from './coverage.js';
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

t.test('what an older kernel refuses is absent where a test says since when it works', async t => {
  const old = { name: 'btf', loaded: false, seen: false };
  const sound = { name: 'raw', seen: true };
  const states = (way: Parameters<typeof exampleCell>[0][number]) =>
    exampleCell([way, sound]).alternatives.map(each => each.state);
  t.same(states({ ...old, earned: true }), ['absent', 'seen']);
  t.same(states(old), ['failed', 'seen']);
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

t.test('the committed record fits the schema, and prints the page beside it', async t => {
  const path = `${packageRoot}../docs/compatibility.json`;
  // Where nothing is recorded, `report --check` says so and fails.
  if (!existsSync(path)) return void t.same(uncovered(matrix, [], undefined).length, 1);
  const record = JSON.parse(readFileSync(path, 'utf8')) as Compatibility;
  t.ok(validate(record), JSON.stringify(validate.errors));
  const beside = readFileSync(path.replace(/json$/, 'md'), 'utf8');
  t.equal(compatibilityMarkdown(record), beside);
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
  const foreign = budgetRows([of(5000, 'clang 19')], recorded);
  t.same(foreign[0]?.over, [], 'another compiler');
  t.equal(
    budgetTable(foreign),
    '1 programs were held against their schema alone: compiled by clang 19, recorded of clang 14.',
  );
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
  t.notMatch(page, /href="logs/, 'a log that is not there has no link');
  const log = 'logs/example/5.10-amd64/on_large.log';
  t.match(compatibilityHtml(report, new Set([log])), `<a href="${log}">5.10-amd64</a>`);
  t.match(compatibilityMarkdown(report), /FAILED at load \(1\)/);
});

t.test('a line of evidence that was cut off is left out', async t => {
  const line = '# evidence {"kind":"object","probe":"x","compiled":true,"hash":"0"}';
  t.equal(readEvidence(['ok 1', line, line.slice(0, 40), `    ${line}`]).length, 2);
});

const SHAPES = [
  {
    name: 'example',
    attach: [{ name: 'point', oneOf: [{ name: 'kprobe' }, { name: 'fentry' }] }],
  },
] as unknown as readonly ProbeShape[];

/** A record in which the example has run in every cell, with every release. */
function completeRecord(cells = allCells(matrix).map(cell => cell.name)) {
  const ways = [{ name: 'kprobe', seen: true }, { name: 'fentry' }];
  const results = cells.map(cell => {
    const result = exampleCell(ways, { cell });
    const [first] = result.releases;
    if (first === undefined) throw new Error('fold example: there is no release');
    const releases = matrix.goReleases.map(goRelease => ({ ...first, goRelease }));
    return { ...result, releases };
  });
  return foldMatrix(matrix, results, undefined);
}

t.test('a record covers every cell, way and release, whatever ran', async t => {
  t.same(uncovered(matrix, SHAPES, completeRecord()), []);
  const [first = '', ...others] = allCells(matrix).map(cell => cell.name);
  t.same(uncovered(matrix, SHAPES, completeRecord(others)), [`example: not recorded in ${first}`]);
  t.same(uncovered(matrix, SHAPES, completeRecord(others), ['6.12-arm64']), [], 'not asked for');
  t.same(uncovered(matrix, SHAPES, undefined), ['nothing is recorded']);
  const [result] = completeRecord([first]).probes[0]?.cells ?? [];
  if (result === undefined) throw new Error('fold example: there is no result');
  const failed = { ...result, ok: false, reasons: ['it was killed'] };
  const red = foldMatrix(matrix, [failed], completeRecord());
  t.same(uncovered(matrix, SHAPES, red), [`recorded as red: example in ${first}: it was killed`]);
});

t.test('a new kernel, probe, way or release makes the record incomplete', async t => {
  const record = completeRecord();
  const [kernel] = matrix.kernels;
  if (kernel === undefined) throw new Error('read matrix: there are no kernels');
  const wider = { ...matrix, kernels: [...matrix.kernels, { ...kernel, name: '9.9' }] };
  t.same(uncovered(wider, SHAPES, record), ['example: not recorded in 9.9-amd64, 9.9-arm64']);
  const newer = { ...matrix, goReleases: [...matrix.goReleases, '1.99'] };
  t.equal(uncovered(newer, SHAPES, record).length, allCells(matrix).length);
  t.match(uncovered(newer, SHAPES, record)[0], /^example in .*: Go 1\.99: not recorded$/);
  const [shape] = SHAPES;
  const named = { ...shape, name: 'other' } as ProbeShape;
  t.match(uncovered(matrix, [...SHAPES, named], record), [/^other: not recorded in 5\.10-amd64, /]);
  t.same(uncovered(matrix, [], record), ['example: recorded, and there is no such probe']);
  t.same(foldMatrix(matrix, [], record, []).probes, [], 'and writing it again drops that');
  const ways = [{ name: 'kprobe' }, { name: 'tracepoint' }];
  const changed = [{ name: 'example', attach: [{ name: 'point', oneOf: ways }] }];
  const lines = uncovered(matrix, changed as unknown as readonly ProbeShape[], record);
  t.match(lines.slice(0, 2), [
    /: point by tracepoint: not recorded$/,
    /: point by fentry: recorded, and the schema does not have it$/,
  ]);
});

t.test('a run of more builds than were recorded leaves the record good', async t => {
  const record = foldMatrix(matrix, [exampleCell([{ name: 'kprobe', seen: true }])], undefined);
  const result = exampleCell([{ name: 'kprobe', seen: true }]);
  const more = result.releases.map(each => ({ ...each, build: 'pie' }));
  t.same(staleVerdicts([{ ...result, releases: [...result.releases, ...more] }], record), []);
  const newer = result.releases.map(each => ({ ...each, goRelease: '1.99' }));
  const lines = staleVerdicts([{ ...result, releases: newer }], record);
  t.same(lines, ['example in 5.10-amd64: Go 1.99 stripped: seen, recorded: nothing']);
});
