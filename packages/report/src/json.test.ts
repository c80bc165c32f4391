/** The JSON against its schema file, and the names that others rely on. */
import { readFileSync } from 'node:fs';
import { Ajv } from 'ajv';
import t from 'tap';
import { buildReport } from './build-report.js';
import { writeJson } from './json.js';
import type { Report } from './report.js';
import { point, sampleInput, sampleObservation } from './testing/sample-input.js';

const schema = JSON.parse(
  readFileSync(new URL('../sonde.report-1.schema.json', import.meta.url), 'utf8'),
) as object;
const validate = new Ajv({ strict: true, allErrors: true }).compile(schema);

/** What a reader gets: the report written and read back. */
function readBack(report: Report): Report {
  return JSON.parse(writeJson(report)) as Report;
}

t.test('the report of a leak is valid and has the names of the contract', async t => {
  const report = readBack(buildReport(sampleInput()));
  t.ok(validate(report), JSON.stringify(validate.errors));
  const [first] = report.suspects;
  t.match(first, {
    class: 'c-leak',
    bytes: 20 * 1024 * 1024,
    usableBytes: 5120 * 4104,
    touchedShare: 1,
    reusedBytes: 0,
    frames: [
      {
        function: 'leak_node',
        file: '/src/c/leak.c',
        line: 42,
        module: '/srv/app',
        kind: 'c',
        inlined: false,
      },
      { function: 'grow_list', inlined: true },
    ],
  });
  t.ok(Math.abs(first!.bytesPerSecond / (1024 * 1024) - 1) < 0.01);
  t.match(report.verdict, { class: 'c-leak', where: 'c-heap', failed: null });
  t.type(report.verdict.sentence, 'string');
  t.type(report.verdict.next, 'string');
  t.equal(report.memory.samples.length, 21);
  t.equal(report.probes[0]!.hits, 3 * 5120);
  t.same(report.losses.total, {
    ringFull: 0,
    mapFull: 0,
    stackLost: 0,
    unpaired: 0,
    probeMissed: 0,
    readFailed: 0,
  });
});

t.test('what is not known is null, and still valid', async t => {
  const { faults, goLarge, cHeap, ...bare } = sampleObservation();
  t.ok(faults && goLarge && cHeap);
  const memory = bare.memory.map(({ atNs, rssBytes, anonBytes, fileBytes, shmemBytes }) => ({
    atNs,
    rssBytes,
    anonBytes,
    fileBytes,
    shmemBytes,
  }));
  const probes = [
    { name: 'cgo-malloc', mode: 'aggregate' as const, points: [], error: 'no rights' },
  ];
  const report = readBack(buildReport(sampleInput({ ...bare, memory, probes })));
  t.ok(validate(report), JSON.stringify(validate.errors));
  t.equal(report.cHeap, null);
  t.equal(report.memory.samples[0]!.goHeapInUseBytes, null);
  t.equal(report.memory.samples[0]!.cHeapHeldBytes, null);
  t.equal(report.verdict.class, 'unexplained');
  t.equal(report.probes[0]!.error, 'no rights');
});

t.test('losses are summed, and the brake is in the point and in the cost', async t => {
  const malloc = point('malloc', { detachedAtNs: 12e9, detachReason: '13 % of 10 %' });
  const seen = sampleObservation({
    probes: [{ name: 'cgo-malloc', mode: 'aggregate', points: [malloc, point('free')] }],
    losses: {
      'cgo-malloc': {
        ringFull: 0,
        mapFull: 2,
        stackLost: 0,
        unpaired: 1,
        probeMissed: 0,
        readFailed: 0,
      },
      pagefault: {
        ringFull: 5,
        mapFull: 1,
        stackLost: 0,
        unpaired: 0,
        probeMissed: 0,
        readFailed: 0,
      },
    },
  });
  const input = sampleInput(seen);
  const brake = [{ atNs: 12e9, probe: 'cgo-malloc', point: 'malloc', reason: '13 % of 10 %' }];
  const report = readBack(buildReport({ ...input, cost: { ...input.cost, brake } }));
  t.ok(validate(report), JSON.stringify(validate.errors));
  t.equal(report.losses.total.mapFull, 3);
  t.equal(report.losses.probes['pagefault']!.ringFull, 5);
  t.equal(report.probes[0]!.points[0]!.detachedAtSeconds, 12);
  t.equal(report.cost.brake[0]!.atSeconds, 12);
});

t.test('the schema refuses what is not a report', async t => {
  const report = readBack(buildReport(sampleInput()));
  t.notOk(validate({ ...report, schema: 'sonde.report/2' }));
  t.notOk(validate({ ...report, verdict: { ...report.verdict, class: 'guilty' } }));
  t.notOk(validate({ ...report, suspects: [{ ...report.suspects[0], touchedShare: 2 }] }));
  t.ok(
    validate({ ...report, verdict: { ...report.verdict, class: 'goroutine-leak' } }),
    'reserved',
  );
});
