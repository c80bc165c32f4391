/** Every process that cannot be traced is refused in one clear line with the next step. */
import { chmodSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execFileSync } from 'node:child_process';
import { buildGoFixture, FIXTURE_RELEASES, SELF_DESCRIBING } from '@sonde/symbols/testing';
import { bufferReader, readElfIdent } from '@sonde/symbols';
import t, { type Test } from 'tap';
import { RunningProgram } from '../testing/running-program.js';
import { openTarget, parseMaps } from './index.js';
import { architectureProblem } from './open-target.js';
import { readStat } from './proc.js';

const folder = mkdtempSync(join(tmpdir(), 'sonde-target-'));

/** An ELF32 program for i386 that waits for a signal for ever: pause(2) in a loop. */
function program32(): Buffer {
  const code = Buffer.from('b81d000000cd80ebf7', 'hex');
  const bytes = Buffer.alloc(84 + code.length);
  bytes.set([0x7f, 0x45, 0x4c, 0x46, 1, 1, 1]);
  const base = 0x8048000;
  const header: [number, number, 2 | 4][] = [
    [16, 2, 2],
    [18, 3, 2],
    [20, 1, 4],
    [24, base + 84, 4],
    [28, 52, 4],
    [40, 52, 2],
    [42, 32, 2],
    [44, 1, 2],
    [52, 1, 4],
    [60, base, 4],
    [64, base, 4],
    [68, bytes.length, 4],
    [72, bytes.length, 4],
    [76, 5, 4],
    [80, 4096, 4],
  ];
  for (const [at, value, size] of header) bytes.writeUIntLE(value, at, size);
  bytes.set(code, 84);
  return bytes;
}

function refused(t: Test, pid: number, message: RegExp, name = 'UsageError'): Promise<unknown> {
  return t.rejects(openTarget(pid), { name, message, hint: /./ });
}

t.test('pids that name no process', async t => {
  for (const pid of [0, -1, 1.5, Number.NaN]) await refused(t, pid, /not a process id/);
  const unused = Number(readFileSync('/proc/sys/kernel/pid_max', 'utf8')) + 1;
  await refused(t, unused, new RegExp(`^open target ${unused}: no such process$`));
});

t.test('a program that is not Go', async t => {
  await refused(t, process.pid, /node is not a Go program$/);
});

t.test('a thread', async t => {
  const thread = readdirSync('/proc/self/task')
    .map(Number)
    .find(tid => tid !== process.pid)!;
  await refused(t, thread, new RegExp(`it is a thread of process ${process.pid}$`));
});

const kernelThread = readdirSync('/proc')
  .filter(name => /^\d+$/.test(name))
  .map(Number)
  .find(pid => {
    try {
      return readStat(pid).kernelThread;
    } catch {
      return false;
    }
  });
const noKernelThread = kernelThread === undefined && 'this pid namespace shows no kernel thread';
t.test('a kernel thread', { skip: noKernelThread }, async t => {
  await refused(t, kernelThread!, /it is a kernel thread$/);
});

const NOBODY = 65534;
const index = new URL('./index.js', import.meta.url);

/** Runs a line of ESM as a user without rights and returns what it printed. */
function asNobody(code: string): string {
  const options = { uid: NOBODY, gid: NOBODY, encoding: 'utf8', cwd: '/' } as const;
  return execFileSync(process.execPath, ['--input-type=module', '-e', code], options);
}

/** Why the test without rights cannot run here; false where it can. */
function noNobody(): string | false {
  if (process.geteuid?.() !== 0) return 'only root can become another user';
  try {
    return asNobody(`await import('${index.href}'); console.log('ok')`).trim() !== 'ok' && 'failed';
  } catch {
    return 'another user cannot read this checkout';
  }
}

t.test('a process of another user', { skip: noNobody() }, async t => {
  const code = `import { openTarget } from '${index.href}';
    openTarget(${process.pid}).catch(e => console.log(e.name, e.message, '|', e.hint));`;
  t.equal(
    asNobody(code).trim(),
    `UsageError open target ${process.pid}: no right to read the process | ` +
      'run as root: sudo sonde …',
  );
});

t.test('a 32-bit program', async t => {
  const path = join(folder, 'program32');
  writeFileSync(path, program32());
  chmodSync(path, 0o755);
  const program = await RunningProgram.start(path).catch(() => undefined);
  if (program === undefined) {
    const ident = readElfIdent(bufferReader(program32()));
    t.match(architectureProblem(ident, 'x86_64'), [/32-bit/, /64-bit/]);
    return;
  }
  t.teardown(() => program.stop());
  await refused(t, program.pid, /program32 is a 32-bit program$/);
});

t.test('a foreign architecture', async t => {
  const file = readFileSync(buildGoFixture({ source: SELF_DESCRIBING, arch: 'arm64' }));
  const ident = readElfIdent(bufferReader(file));
  t.match(architectureProblem(ident, 'x86_64'), [/^is built for arm64, this machine is x86_64$/]);
  t.equal(architectureProblem(ident, 'arm64'), undefined);
});

/** Starts a fixture whose build information names another release. */
async function startRenamed(
  t: Test,
  options: { release: string; named: string; stripped: boolean },
): Promise<number> {
  const { release, named, stripped } = options;
  const flags = stripped ? ['-ldflags=-s -w'] : [];
  const source = SELF_DESCRIBING;
  const file = Buffer.from(readFileSync(buildGoFixture({ source, release, flags })));
  const at = file.indexOf(release, file.indexOf('\xff Go buildinf:', 0, 'latin1'));
  file.write(named, at, 'latin1');
  const path = join(folder, `renamed-${named}-${stripped}`);
  writeFileSync(path, file);
  chmodSync(path, 0o755);
  const program = await RunningProgram.start(path, ['1']);
  t.teardown(() => program.stop());
  return program.pid;
}

t.test('a Go release without tables is known by its DWARF', async t => {
  const release = FIXTURE_RELEASES[1];
  const pid = await startRenamed(t, { release, named: 'go1.99.8', stripped: false });
  const target = await openTarget(pid);
  t.equal(target.info.tableRung, "the program's own DWARF");
  t.match(target.info.selfCheck, /^passed: [1-9]\d* goroutines, [1-9]/);
  target.close();
});

t.test('a stripped one by its code and the nearest table', async t => {
  const release = FIXTURE_RELEASES[1];
  const pid = await startRenamed(t, { release, named: 'go1.99.8', stripped: true });
  const target = await openTarget(pid);
  t.match(target.info.tableRung, /^table 1\.27.* confirmed by disassembly \(\d+ fields\)$/);
  t.match(target.info.selfCheck, /^passed: [1-9]\d* goroutines, [1-9]/);
  target.close();
});

t.test('a stripped one whose code contradicts the nearest table', async t => {
  const release = FIXTURE_RELEASES[0];
  const pid = await startRenamed(t, { release, named: 'go1.99.4', stripped: true });
  const refusal = /go1\.99\.4 is not supported yet: table 1\.27\S* has \S+ at \d+, its code uses/;
  await refused(t, pid, refusal, 'UnsupportedError');
});

t.test('a program that names another release than its own fails the check', async t => {
  const release = FIXTURE_RELEASES[0];
  const pid = await startRenamed(t, { release, named: 'go1.27.0', stripped: true });
  await refused(t, pid, /check runtime offsets \(.*1\.27.*\): \S+ is /, 'UnsupportedError');
});

t.test('a process that has exited but was not collected', async t => {
  // The child must outlive the shell, which would collect it; sleep never does.
  const script = 'sleep 0.2 & echo $!; exec sleep 100';
  const program = await RunningProgram.start('/bin/sh', ['-c', script]);
  t.teardown(() => program.stop());
  const zombie = Number(await program.line());
  while (readStat(zombie).state !== 'Z') execFileSync('sleep', ['0.01']);
  await refused(t, zombie, /the process has exited$/);
});

t.test('maps with every kind of line', async t => {
  const maps = parseMaps(
    [
      '00400000-004a3000 r-xp 00002000 fe:01 42                         /srv/my app (deleted)',
      'c000000000-c000400000 rw-p 00000000 00:00 0 ',
      '7ffd1000-7ffd2000 r-xp 00000000 00:00 0                          [vdso]',
      'not a line',
    ].join('\n'),
  );
  t.match(maps, [
    { start: 0x400000n, executable: true, writable: false, offset: 0x2000, inode: 42 },
    { end: 0xc000400000n, path: '', writable: true },
    { path: '[vdso]' },
  ]);
  t.equal(maps.length, 3);
  t.equal(maps[0]!.path, '/srv/my app (deleted)');
});
