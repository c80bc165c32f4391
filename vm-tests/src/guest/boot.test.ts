/**
 * The runner against a stand-in for QEMU: what it makes of a guest that ends well, dies, or hangs,
 * and that nothing survives the runner. Real guests are booted by the kernel tests.
 */
import { spawn } from 'node:child_process';
import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t, { type Test } from 'tap';
import { allCells, readMatrix, type Cell } from '../matrix.js';
import { bootGuest, type BootRequest } from './boot.js';

const NO_FILES = { kernel: 'k', initramfs: 'i', base: 'b', payload: 'p' };

/** A request whose QEMU is a shell script; `$results` and `$console` are the paths it is given. */
function request(t: Test, script: string, more: Partial<BootRequest> = {}): BootRequest {
  const folder = t.testdir();
  const program = join(folder, 'qemu');
  const find = (id: string, key: string): string =>
    `${id}=$(printf '%s\\n' "$@" | sed -n 's/.*id=${id}.*${key}=//p')`;
  const text = `#!/bin/sh\n${find('results', 'file')}\n${find('console', 'path')}\n${script}\n`;
  writeFileSync(program, text);
  chmodSync(program, 0o755);
  const [real] = allCells(readMatrix());
  if (!real) throw new Error('the matrix has no cell');
  const qemu = { ...real.architecture.qemu, program };
  const cell: Cell = { ...real, architecture: { ...real.architecture, qemu } };
  return {
    cell,
    files: NO_FILES,
    stepNames: ['a'],
    outDir: join(folder, 'out'),
    bootTimeoutMs: 20_000,
    silenceTimeoutMs: 20_000,
    ...more,
  };
}

t.test('a guest that says its last word: steps, exit code and what it brought out', async t => {
  const result = await bootGuest(
    request(
      t,
      `printf '##CELL start 9.9\\r\\n##STEP start a\\r\\nhello\\r\\n##STEP exit a 4\\r\\n'
       mkdir -p "$console.d" && echo content > "$console.d/file"
       tar cf "$results" -C "$console.d" . && echo '##CELL exit 4'`,
    ),
  );
  t.equal(result.failure, undefined);
  t.equal(result.exitCode, 4);
  t.equal(result.release, '9.9');
  t.strictSame(result.steps[0]?.lines, ['hello']);
  t.equal(readFileSync(join(result.outDir, 'file'), 'utf8'), 'content\n');
  t.notOk(existsSync(join(result.outDir, 'results.img')));
});

t.test("a guest that dies fails with its console's tail", async t => {
  const script = `echo '##CELL start 9.9'; echo 'Kernel panic - not syncing' > "$console"`;
  const result = await bootGuest(request(t, script));
  t.equal(result.exitCode, 125);
  t.match(result.failure, /died before its last word[^]*Kernel panic - not syncing/);
  t.equal(result.steps[0]?.exitCode, undefined);
});

t.test('a guest that never starts, and one that falls silent, are stopped', async t => {
  const never = await bootGuest(request(t, 'exec sleep 600', { bootTimeoutMs: 100 }));
  t.match(never.failure, /did not start/);
  const start = `echo '##CELL start 9.9'; echo '##STEP start a'; echo alive; exec sleep 600`;
  const silent = await bootGuest(request(t, start, { silenceTimeoutMs: 300 }));
  t.match(silent.failure, /was silent/);
  t.match(silent.failure, /alive/);
});

t.test('a run that is stopped takes its guest along', async t => {
  const stopper = new AbortController();
  const onLine = (): void => stopper.abort();
  const script = `echo "##CELL start 9.9"; exec sleep 600`;
  const result = await bootGuest(request(t, script, { signal: stopper.signal, onLine }));
  t.match(result.failure, /the run was stopped/);
});

t.test('an emulator that is not installed is named', async t => {
  const missing = request(t, '');
  const { architecture } = missing.cell;
  const qemu = { ...architecture.qemu, program: '/nonexistent/qemu' };
  const cell = { ...missing.cell, architecture: { ...architecture, qemu } };
  const result = await bootGuest({ ...missing, cell });
  t.match(result.failure, /nonexistent\/qemu/);
});

t.test('kill -9 of the runner ends the guest too', async t => {
  const pidFile = join(t.testdir(), 'pid');
  const wanted = request(t, `echo $$ > ${pidFile}; echo '##CELL start 9.9'; exec sleep 600`);
  const module = fileURLToPath(new URL('./boot.js', import.meta.url));
  const program = `import { bootGuest } from ${JSON.stringify(module)};
    await bootGuest({ ...${JSON.stringify(wanted)}, onLine: () => process.stdout.write('up') });`;
  const runner = spawn(process.execPath, ['--input-type=module', '-e', program]);
  await new Promise(resolve => runner.stdout.once('data', resolve));
  const guest = Number(readFileSync(pidFile, 'utf8'));
  t.ok(existsSync(`/proc/${guest}`));
  const closed = new Promise(resolve => runner.once('exit', resolve));
  runner.kill('SIGKILL');
  await closed;
  // Whoever inherits it may leave a zombie; only a process that still runs would count.
  const state = (): string => {
    try {
      return readFileSync(`/proc/${guest}/stat`, 'utf8').split(') ')[1]?.[0] ?? '';
    } catch {
      return 'gone';
    }
  };
  while (!['gone', 'Z', 'X'].includes(state())) await new Promise(r => setTimeout(r, 20));
  t.pass('the guest is gone');
});
