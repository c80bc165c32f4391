/**
 * Tests of the parts of `npm start` and `npm test` that decide and count.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { groundTruth } from './demo.mjs';
import { missingCommands, staleEntries } from './dependencies.mjs';
import { osRelease } from './host.mjs';
import { chooseLane, forcedLane } from './lane.mjs';
import { projectOf, testTargets } from './nx-tests.mjs';
import { parseNxLine } from './nx.mjs';
import { runTasks } from './progress.mjs';
import { probeProjects, projectRoots } from './projects.mjs';
import { countTap, summaryLine, sumCounts } from './report.mjs';
import { ROOT, StepError, runStep } from './steps.mjs';

t.test('npm packages are stale when npm has not recorded what the lock file wants', async t => {
  const wanted = {
    packages: {
      '': { version: '0.1.0' },
      'packages/core': { version: '0.1.0' },
      'node_modules/a': { version: '1.0.0' },
      'node_modules/other-system': { version: '1.0.0', optional: true },
    },
  };
  t.strictSame(staleEntries(wanted, undefined), ['node_modules/a']);
  t.strictSame(staleEntries(wanted, { packages: { 'node_modules/a': { version: '0.9.0' } } }), [
    'node_modules/a',
  ]);
  t.strictSame(staleEntries(wanted, { packages: { 'node_modules/a': { version: '1.0.0' } } }), []);
});

t.test('a command of ours that npm has not linked is missing', async t => {
  const wanted = {
    packages: {
      'packages/cli': { bin: { sonde: 'bin/sonde.mjs' } },
      'node_modules/a': { bin: { a: 'a.js' } },
    },
  };
  t.strictSame(
    missingCommands(wanted, () => false),
    ['sonde'],
  );
  t.strictSame(
    missingCommands(wanted, name => name === 'sonde'),
    [],
  );
});

t.test('fields of os-release are read without their quotes', async t => {
  t.equal(osRelease('ID=debian\nVERSION_CODENAME="trixie"\n', 'VERSION_CODENAME'), 'trixie');
  t.equal(osRelease('ID=debian\n', 'VERSION_CODENAME'), '');
});

t.test('the lane is forced, or doctor decides', async t => {
  t.equal(forcedLane({}), undefined);
  t.equal(forcedLane({ SONDE_LANE: 'guest' }), 'guest');
  t.throws(() => forcedLane({ SONDE_LANE: 'vm' }), { exitCode: 2, message: /"vm"/ });
  t.match(chooseLane('host', { works: false, why: '' }), { lane: 'host', why: /SONDE_LANE/ });
  t.match(chooseLane(undefined, { works: false, why: 'no rights' }), { lane: 'guest' });
  t.match(chooseLane(undefined, { works: true, why: 'it ran' }), { lane: 'host', why: 'it ran' });
});

t.test('a test file belongs to its project', async t => {
  t.match(projectOf('packages/core/src/schema/a.test.ts'), { root: 'packages/core', probe: false });
  t.match(projectOf('packages/probe-x/src/a.test.ts'), { root: 'packages/probe-x', probe: true });
  t.match(projectOf('tools/setup/needs.test.mjs'), { root: 'tools/setup', plain: true });
  t.match(projectOf('vm-tests/src/guest.kernel.test.ts'), { root: 'vm-tests', kernel: true });
  t.match(projectOf('docs/docs.test.mjs'), { root: 'docs', plain: true });
  t.equal(projectOf('elsewhere/a.test.ts'), undefined);
});

t.test('unit tests are a target of their own, and a probe keeps its test', async t => {
  const names = (/** @type {string[]} */ ...files) =>
    Object.keys(testTargets(files.flatMap(file => projectOf(file) ?? [])));
  t.strictSame(names('packages/core/src/a.test.ts'), ['test']);
  t.strictSame(names('vm-tests/src/a.test.ts', 'vm-tests/src/b.kernel.test.ts'), ['test']);
  t.strictSame(names('packages/probe-x/src/a.test.ts', 'packages/probe-x/src/b.kernel.test.ts'), [
    'unit',
  ]);
});

t.test("Nx's static output is read line by line", async t => {
  t.strictSame(parseNxLine('> nx run core:build'), { target: 'core:build', failed: false });
  t.match(parseNxLine('> nx run core:build  [local cache]'), { target: 'core:build' });
  t.match(parseNxLine('- probe-x:test'), { target: 'probe-x:test', failed: true });
  const cell = 'probe-x:test-vm--6.12-arm64';
  t.match(parseNxLine(`> nx run ${cell}  [local cache]`), { target: cell, failed: false });
  t.match(parseNxLine(`- ${cell}`), { target: cell, failed: true });
  t.equal(parseNxLine('ok 1 - a test'), undefined);
});

t.test('only leaf assertions count, and a stream that ends early is a failure', async t => {
  const tap = [
    'TAP version 14',
    '# Subtest: a',
    '    ok 1 - one',
    '    ok 2 - two # SKIP kernel 5.10 has no cookies',
    '    not ok 3 - three',
    '    1..3',
    'not ok 1 - a',
    '1..1',
    '',
  ].join('\n');
  const { counts, failures } = await countTap(tap);
  t.strictSame(counts, { passed: 1, failed: 1, skipped: 1 });
  t.match(failures, [/three/]);
  t.match(await countTap('TAP version 14\nok 1 - a\n'), { counts: { failed: 1 } });
  const sum = sumCounts([counts, { passed: 2, failed: 0, skipped: 0 }]);
  t.equal(summaryLine(sum), '3 passed, 1 failed, 1 skipped');
});

t.test('every folder of a probe is a project', async t => {
  t.ok(probeProjects().length >= 3);
  t.match(projectRoots(), { core: 'packages/core', tidy: 'tools/tidy', setup: 'tools/setup' });
});

t.test(
  'a step keeps its output in a log, and its failure says what, where and what next',
  async t => {
    const options = { log: 'test-of-steps', next: 'read it' };
    const { log } = await runStep(process.execPath, ['-e', 'console.log("said")'], options);
    t.match(readFileSync(log, 'utf8'), /said/);
    await t.rejects(runStep(process.execPath, ['-e', 'process.exit(3)'], options), {
      name: 'StepError',
      message: /exit code 3/,
      ran: /process.exit\(3\)/,
      log: join('out', 'logs', 'test-of-steps.log'),
      next: 'read it',
    });
    await t.rejects(runStep('no-such-command-here', [], options), { message: /ENOENT/ });
    t.ok(existsSync(join(ROOT, 'out', 'logs', 'test-of-steps.log')));
  },
);

t.test('tasks run in order, in plain lines, and stop at the first failure', async t => {
  /** @type {string[]} */
  const lines = [];
  const write = (/** @type {string} */ line) => lines.push(line);
  const tasks = [
    { title: 'one', work: async () => 'done' },
    { title: 'two', work: async () => Promise.reject(new StepError('broke', {})) },
    { title: 'three', work: async () => {} },
  ];
  await t.rejects(runTasks(tasks, { tty: false, write }), { message: 'broke' });
  t.match(lines, ['· one', /^✓ one: done \(\d\.\d s\)$/, '· two']);
  t.equal(lines.length, 3);
});

t.test("the service's own count is a rate between its first and last word", async t => {
  const line = (/** @type {number} */ second, /** @type {number} */ lostBytes) =>
    JSON.stringify({ event: 'second', second, lostBytes });
  t.match(groundTruth([line(2, 10240), line(3, 20480), line(4, 30720)]), /loses 10 KiB\/s/);
  t.equal(groundTruth([line(2, 10240)]), '');
  t.equal(groundTruth(['{"event":"ready","lostBytesPerSecond":1}']), '');
});
