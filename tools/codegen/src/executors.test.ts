/**
 * What becomes of a run of kernel tests when the Nx that started it is killed. A process in Nx's
 * place forks one that runs the executor, as Nx does. What a reader would get wrong: SIGKILL
 * reaches that one process only, so whatever else ends has noticed by itself.
 */
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import t from 'tap';

const executor = new URL('../executors/kernel-test.mjs', import.meta.url).href;

/** In place of Nx: forks the worker, and lives until it is killed. */
const OUTER = `
import { fork } from 'node:child_process';
fork(new URL('worker.mjs', import.meta.url).pathname);
`;

/** In place of Nx's worker: runs one task of a batch. */
const WORKER = `
import { writeFileSync } from 'node:fs';
import { runBatch } from ${JSON.stringify(executor)};
writeFileSync('worker.pid', String(process.pid));
const tasks = { one: { id: 'one', target: { project: 'sample' } } };
const context = { root: process.cwd(), projectsConfigurations: { projects: {} } };
await runBatch({ tasks }, { one: {} }, {}, context);
`;

/** In place of sonde-vm: ends when the pipe from the executor closes, as that does. */
const PROGRAM = `
import { writeFileSync } from 'node:fs';
writeFileSync('program.pid', String(process.pid));
process.stdin.on('end', () => process.exit(143)).resume();
setInterval(() => undefined, 1000);
`;

function isAlive(pid: number): boolean {
  try {
    // A process that nobody has waited for is still there, but runs no more.
    return !/^\d+ \(.*\) Z/.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return false;
  }
}

async function within(seconds: number, holds: () => boolean): Promise<boolean> {
  for (const end = Date.now() + seconds * 1000; Date.now() < end; await sleep(50)) {
    if (holds()) return true;
  }
  return holds();
}

t.test('a run of kernel tests ends when its Nx is killed', async t => {
  t.setTimeout(120_000);
  const root = mkdtempSync(join(t.testdir(), 'root-'));
  const dist = join(root, 'vm-tests/dist');
  mkdirSync(dist, { recursive: true });
  writeFileSync(join(root, 'package.json'), '{"type": "module"}');
  writeFileSync(join(dist, 'main.js'), PROGRAM);
  writeFileSync(join(root, 'outer.mjs'), OUTER);
  writeFileSync(join(root, 'worker.mjs'), WORKER);
  const outer = spawn(process.execPath, ['outer.mjs'], { cwd: root, stdio: 'ignore' });
  t.teardown(() => outer.kill('SIGKILL'));
  const files = ['worker.pid', 'program.pid'].map(name => join(root, name));
  const isWritten = (): boolean => files.every(f => existsSync(f) && readFileSync(f).length > 0);
  t.ok(await within(60, isWritten), 'the executor has started its program');
  const pids = files.map(file => Number(readFileSync(file, 'utf8')));
  t.teardown(() => {
    for (const pid of pids.filter(isAlive)) process.kill(pid, 'SIGKILL');
  });
  t.ok(pids.every(isAlive), 'both run');
  outer.kill('SIGKILL');
  t.ok(await within(30, () => !pids.some(isAlive)), 'neither runs any more');
});
