/**
 * The whole way of the compatibility report, on a probe of which four programs are broken: compiled
 * from its sources, run in two cells, folded, and asked what is red. What a reader would get wrong:
 * the run and the report have to fail here; a report that is green would be the failure.
 */
import { cpSync, copyFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import t from 'tap';

// Guests are emulated; who runs this file ends it when it hangs.
t.setTimeout(0);

const PROJECT = fileURLToPath(new URL('..', import.meta.url));
const WORKSPACE = join(PROJECT, '../..');
/** Apart from the project, so that nobody takes its failing tests for those of the project. */
const SUITE = join(PROJECT, 'out/suite');
const OUT = join(PROJECT, 'out/report');
const CELLS = ['5.10-amd64', '6.12-amd64'];
const SOURCES = ['package.json', 'tsconfig.json', 'tsconfig.lib.json', 'src'];

interface Entry {
  readonly point: string;
  readonly state: string;
  readonly stage?: string;
  readonly reason?: string;
  readonly log?: string;
}

interface Report {
  readonly probes: readonly {
    readonly cells: readonly { readonly cell: string; readonly alternatives: readonly Entry[] }[];
  }[];
}

function node(path: string, ...args: string[]) {
  return execa(process.execPath, [join(WORKSPACE, path), ...args], {
    cwd: WORKSPACE,
    reject: false,
    stdin: 'ignore',
    env: { SONDE_CELLS: '', SONDE_LANE: 'guest' },
  });
}

/**
 * A package of its own with the tests named as tests are. `rounds` is how often the verifier has to
 * walk the loop of the sound program.
 */
async function makeSuite(rounds = 1): Promise<void> {
  rmSync(SUITE, { recursive: true, force: true });
  mkdirSync(SUITE, { recursive: true });
  for (const name of SOURCES) cpSync(join(PROJECT, name), join(SUITE, name), { recursive: true });
  const program = join(SUITE, 'src/seeded.bpf.c');
  const text = readFileSync(program, 'utf8');
  writeFileSync(program, text.replace(/^#define ROUNDS 1$/m, `#define ROUNDS ${rounds}`));
  // Only the copy says that it is a probe: `sonde probes` must not offer a broken one to anybody.
  const manifest = JSON.parse(readFileSync(join(PROJECT, 'package.json'), 'utf8')) as object;
  const asProbe = { ...manifest, sonde: { probe: './dist/probe.js' } };
  writeFileSync(join(SUITE, 'package.json'), `${JSON.stringify(asProbe, null, 2)}\n`);
  cpSync(join(PROJECT, 'dist'), join(SUITE, 'dist'), { recursive: true });
  // Both, because a compiled test without its source is taken for one that was removed.
  copyFileSync(join(SUITE, 'src/faults.kernel.ts'), join(SUITE, 'src/faults.kernel.test.ts'));
  copyFileSync(join(SUITE, 'dist/faults.kernel.js'), join(SUITE, 'dist/faults.kernel.test.js'));
  rmSync(join(SUITE, 'dist/bpf'), { recursive: true, force: true });
  const compiled = await node('tools/codegen/dist/main.js', 'bpf', SUITE);
  if (compiled.exitCode !== 0) throw new Error(`compile the seeded probe: ${compiled.stderr}`);
}

/** What is red of a cell: `point at stage: reason`, sorted. */
function redOf(report: Report, cell: string): string[] {
  const found = report.probes[0]?.cells.find(each => each.cell === cell);
  return (found?.alternatives ?? [])
    .filter(each => each.state === 'failed')
    .map(each => `${each.point} at ${each.stage}: ${each.reason}`)
    .sort();
}

const EVERYWHERE = [
  /^absent at attach: .*to sonde_no_such_function: no such file or directory/,
  /^misread at event: .*8 of 8 pages were not among them$/,
  /^silent at event: .*0 addresses came; 8 of 8 pages were not among them$/,
];
const OVER = /^over at load: The sequence of \d+ jumps is too complex\.$/;

t.test('each seeded fault turns its own entries red, and no others', async t => {
  await makeSuite();
  const flags = ['--lane', 'guest', '--cells', CELLS.join(), '--probes', SUITE];
  const ran = await node('vm-tests/dist/main.js', 'run', ...flags, '--out', join(OUT, 'run'));
  t.equal(ran.exitCode, 1, 'the run fails');
  const record = join(OUT, 'record.json');
  rmSync(record, { force: true });
  const reportFlags = [
    '--probes',
    SUITE,
    '--cells',
    CELLS.join(),
    '--record',
    record,
    '--out',
    OUT,
  ];
  const told = await node('vm-tests/dist/main.js', 'report', ...reportFlags);
  t.equal(told.exitCode, 1, 'and so does the report');
  const report = JSON.parse(readFileSync(join(OUT, 'compatibility.json'), 'utf8')) as Report;

  const [old = [], recent = []] = CELLS.map(cell => redOf(report, cell));
  const [absent, misread, silent] = EVERYWHERE;
  t.match(old, [absent, misread, OVER, silent], ran.stdout);
  t.equal(old.length, 4);
  t.match(recent, [absent, misread, silent]);
  t.equal(recent.length, 3);
  for (const cell of report.probes[0]?.cells ?? []) {
    const sound = cell.alternatives.find(each => each.point === 'sound');
    t.match(sound, { state: 'seen', compared: 8 }, `the sound program in ${cell.cell}`);
    const over = cell.alternatives.find(each => each.point === 'over');
    const newer = cell.cell !== CELLS[0];
    t.match(over, newer ? { state: 'seen' } : { log: '5.10-amd64/over.log' });
  }
  const log = readFileSync(join(SUITE, 'out/cells', '5.10-amd64/over.log'), 'utf8');
  t.match(log, /jumps is too complex/, 'the whole log is where the report says');
});

t.test('a record without these faults is stale by exactly them', async t => {
  const path = join(OUT, 'compatibility.json');
  const sound = JSON.parse(readFileSync(path, 'utf8')) as Report;
  const mended = JSON.stringify(sound, (key, value: unknown) => {
    if (key === 'stage' || key === 'reason') return undefined;
    return key === 'state' && value === 'failed' ? 'seen' : value;
  });
  const record = join(OUT, 'record.json');
  writeFileSync(record, mended);
  const flags = ['--check', '--probes', SUITE, '--cells', CELLS.join(), '--record', record];
  const { stdout, exitCode } = await node('vm-tests/dist/main.js', 'report', ...flags);
  t.equal(exitCode, 1);
  const stale = stdout.split('\n').filter(line => /: failed at \w+, recorded: seen$/.test(line));
  t.equal(stale.length, 7, stdout);
});

t.test('a change that doubles what the verifier does is red, with a table of it', async t => {
  const record = join(OUT, 'grown.json');
  // What the first test has run is the record, red entries and all.
  copyFileSync(join(OUT, 'compatibility.json'), record);
  await makeSuite(400);
  const [, cell = ''] = CELLS;
  const flags = ['--probes', SUITE, '--cells', cell];
  await node(
    'vm-tests/dist/main.js',
    'run',
    '--lane',
    'guest',
    ...flags,
    '--out',
    join(OUT, 'run'),
  );
  const told = await node('vm-tests/dist/main.js', 'report', ...flags, '--record', record);
  t.equal(told.exitCode, 1);
  const rows = told.stdout.split('\n').filter(line => / times the /.test(line));
  t.equal(rows.length, 1, told.stdout);
  t.match(rows[0], /^\| seeded sound +\| 6\.12-amd64 +\| \d+ \(was \d+, \+\d+ %\)/);
});
