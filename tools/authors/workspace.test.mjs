/**
 * A probe in this repository, as `nx g` makes it: without a question, registered nowhere, and its
 * test passes. What a reader would get wrong: it is made in a copy of the workspace, so that no
 * other test meets it; only node_modules is the repository's own.
 */
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { join, relative } from 'node:path';
import t from 'tap';
import { CELL, ROOT, areCalls, eventsOf, passes, run } from './author.mjs';

const copy = join(ROOT, 'out/authors/workspace');
const FILES = [
  'nx.json',
  'package.json',
  'tsconfig.base.json',
  'tsconfig.json',
  '.prettierrc.json',
];
const FOLDERS = ['packages', 'tools', 'vm-tests', 'bench', 'docs'];
const PROBE = 'packages/probe-tcp-retransmit';

t.setTimeout(0);
t.teardown(() => rmSync(copy, { recursive: true, force: true }));

rmSync(copy, { recursive: true, force: true });
mkdirSync(copy, { recursive: true });
for (const name of [...FILES, ...FOLDERS]) {
  cpSync(join(ROOT, name), join(copy, name), {
    recursive: true,
    verbatimSymlinks: true,
    preserveTimestamps: true,
    // Results of tests and built programs stay where they are.
    filter: from => !/\/(?:out|dist\/workloads|dist\/bundles)(?:\/|$)/.test(relative(ROOT, from)),
  });
}
symlinkSync(join(ROOT, 'node_modules'), join(copy, 'node_modules'));

t.test('it is generated without a question', async t => {
  const before = FILES.map(name => readFileSync(join(copy, name), 'utf8'));
  passes(t, run(copy, 'npx', 'nx', 'g', '@sonde/codegen:probe', 'tcp-retransmit'));
  const after = FILES.map(name => readFileSync(join(copy, name), 'utf8'));
  t.strictSame(after, before, 'nothing was registered');
  const shown = run(copy, 'npx', 'nx', 'show', 'project', 'probe-tcp-retransmit', '--json');
  const { targets } = JSON.parse(shown.out);
  for (const name of ['codegen', 'bpf', 'build', 'test', 'watch']) t.ok(targets[name], name);
});

t.test('it is built, and its test passes', async t => {
  passes(t, run(copy, 'node', 'tools/codegen/dist/main.js', PROBE));
  passes(t, run(copy, 'node', 'tools/codegen/dist/main.js', 'bpf', PROBE));
  passes(t, run(copy, 'npx', 'tsc', '--build', PROBE));
  passes(t, run(copy, 'npx', 'prettier', '--check', PROBE, '!**/gen/**', '!**/dist/**'));
  const text = readFileSync(join(copy, PROBE, 'src/gen/tcp-retransmit.md'), 'utf8');
  t.match(text, /^\| `tid` \| u32 \| tid \| thread that made it \|$/m);
  const lane = hostWorks() ? 'host' : 'guest';
  const tested = run(copy, 'node', 'vm-tests/dist/main.js', 'run', '--lane', lane, PROBE);
  passes(t, tested);
  const place = lane === 'host' ? 'host' : CELL;
  t.match(tested.out, new RegExp(`^ok +probe-tcp-retransmit in ${place}: .*, 29 events`, 'm'));
});

t.test('sonde runs it', async t => {
  const sonde = 'packages/cli/dist/main.js';
  t.match(run(copy, 'node', sonde, 'probes').out, /^tcp-retransmit\s+system calls of the target$/m);
  const help = run(copy, 'node', sonde, 'run', 'tcp-retransmit', '--help').out;
  t.match(help, /--first-number <n> +calls below this number are not reported/);
  if (!hostWorks()) return;
  const workloads = join(copy, 'vm-tests/dist/workloads');
  t.ok(existsSync(workloads), 'the test has built its workload');
  areCalls(t, await eventsOf(copy, workloads, ['node', sonde, 'run', 'tcp-retransmit']));
});

/** Whether tests run on this kernel; a guest shows the rest where they do not. */
function hostWorks() {
  if (process.env['SONDE_LANE'] === 'guest') return false;
  const { out } = run(ROOT, 'node', 'packages/cli/dist/main.js', 'doctor', '--json');
  return JSON.parse(out).host.works;
}
