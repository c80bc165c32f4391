/**
 * Libraries that a process has mapped and the file system no longer has, or has differently: real
 * C programs, one of them in a mount namespace of its own. What a reader would get wrong: the
 * library at the same path may be another one, and its names would be wrong without a sign of it.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import {
  appendFileSync,
  chownSync,
  copyFileSync,
  existsSync,
  mkdtempSync,
  readlinkSync,
  renameSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CSymbols } from '@sonde/symbols';
import t, { type Test } from 'tap';
import { RunningProgram } from '../testing/running-program.js';
import { type Module, ModuleTable } from './modules.js';
import { PerfMapFile } from './perf-map-file.js';

const folder = mkdtempSync(join(tmpdir(), 'sonde-modules-'));
t.teardown(() => rmSync(folder, { recursive: true }));
const at = (name: string): string => join(folder, name);

/** Prints the address of the library's function, then waits for its input to end. */
const MAIN = `
#include <stdio.h>
int leak(int);
int main(void) {
  leak(1);
  printf("%lx\\n", (unsigned long)leak);
  fflush(stdout);
  return getchar() == EOF;
}
`;
const library = (name: string): string => {
  const leak = name === 'leak' ? '' : 'int leak(int a) { return a; }\n';
  return `int ${name}(int a) { return a + 1; }\n${leak}`;
};

writeFileSync(at('main.c'), MAIN);
for (const [file, name] of [
  ['old', 'leak'],
  ['new', 'other'],
]) {
  writeFileSync(at(`${file}.c`), library(name!));
  const flags = ['-shared', '-fPIC', '-O1', '-Wl,-z,noseparate-code'];
  execFileSync('gcc', [...flags, '-o', at(`${file}.so`), at(`${file}.c`)]);
}
copyFileSync(at('old.so'), at('libleak.so'));
const found = [`-L${folder}`, '-lleak', '-Wl,-rpath,$ORIGIN'];
execFileSync('gcc', ['-o', at('main'), at('main.c'), ...found]);

/** Starts the program over a fresh copy of the library; returns the address that it printed. */
async function start(t: Test, command = [at('main')]): Promise<[RunningProgram, bigint]> {
  copyFileSync(at('old.so'), at('libleak.so'));
  const program = await RunningProgram.start(command[0]!, command.slice(1));
  t.teardown(() => program.stop());
  return [program, BigInt(`0x${await program.line()}`)];
}

/** The module at an address and the name that it gives. */
function look(t: Test, pid: number, address: bigint): [Module, string | undefined] {
  const table = new ModuleTable(pid);
  t.teardown(() => table.close());
  t.ok(table.refresh());
  const module = table.at(address)!;
  const elf = module.elf;
  return [module, elf && new CSymbols(elf).at(Number(address - module.bias))?.name];
}

t.test('a library that is still there needs no word', async t => {
  const [program, address] = await start(t);
  const [module, name] = look(t, program.pid, address);
  t.same([module.path, module.note, name], [at('libleak.so'), undefined, 'leak']);
});

t.test('a replaced library: names of the mapped file, and it is said', async t => {
  const [program, address] = await start(t);
  copyFileSync(at('new.so'), at('next.so'));
  renameSync(at('next.so'), at('libleak.so'));
  const [module, name] = look(t, program.pid, address);
  t.equal(name, 'leak');
  t.equal(module.path, at('libleak.so'));
  const said = 'was replaced on disk since it was mapped; names come from the mapped file';
  t.equal(module.note, `${at('libleak.so')} ${said}`);
});

t.test('a deleted library', async t => {
  const [program, address] = await start(t);
  unlinkSync(at('libleak.so'));
  const [module, name] = look(t, program.pid, address);
  t.equal(name, 'leak');
  t.match(module.note, /libleak\.so was deleted since it was mapped; names come from the mapped/);
});

const NAMESPACE = process.getuid?.() === 0 ? ['-m'] : ['-rm'];
const skip =
  spawnSync('unshare', [...NAMESPACE, 'true']).status !== 0 &&
  'a mount namespace may not be made here';

t.test('a library and a perf map that only the target sees', { skip }, async t => {
  // Both folders are file systems of their own in there: nobody outside sees what they hold.
  const script =
    `mount --make-rprivate / && mount -t tmpfs none /mnt && cp ${at('main')} /mnt/main && ` +
    `cp ${at('old.so')} /mnt/libleak.so && mount -t tmpfs none /tmp && ` +
    'echo "7000000 100 compiled" >/tmp/perf-$$.map && exec /mnt/main';
  const [program, address] = await start(t, ['unshare', ...NAMESPACE, 'sh', '-c', script]);
  const [module, name] = look(t, program.pid, address);
  // Where this runs in a chroot, the kernel tells paths of the other namespace from outside of it.
  const path = join(readlinkSync(`/proc/${program.pid}/root`), 'mnt/libleak.so');
  t.same([module.path, module.note, name], [path, undefined, 'leak']);
  t.notOk(existsSync(`/tmp/perf-${program.pid}.map`));
  const map = new PerfMapFile(program.pid);
  t.teardown(() => map.close());
  t.equal(map.map()?.at(0x7000010)?.name, 'compiled');
  t.same(map.notes(), []);
});

t.test('a perf map is read again when it grew, and still when the target is gone', async t => {
  const [program] = await start(t);
  const path = `/tmp/perf-${program.pid}.map`;
  t.teardown(() => rmSync(path, { force: true }));
  const file = new PerfMapFile(program.pid);
  t.teardown(() => file.close());
  t.equal(file.map(), undefined, 'most programs have none');
  t.same(file.notes(), []);
  writeFileSync(path, '1000 10 first\nrubbish\n');
  t.equal(file.map()?.at(0x1000)?.name, 'first');
  t.same(file.notes(), [`${path}: line 2: "rubbish" is not START SIZE NAME`]);
  t.equal(file.map(), file.map(), 'the same size is not read again');
  appendFileSync(path, '2000 10 second\n');
  await program.stop();
  rmSync(path);
  t.equal(file.map()?.at(0x2000)?.name, 'second');
});

t.test('what is no map of the target is refused and said', async t => {
  const [program] = await start(t);
  const path = `/tmp/perf-${program.pid}.map`;
  t.teardown(() => rmSync(path, { force: true }));
  const refused = (): string | undefined => {
    const file = new PerfMapFile(program.pid);
    t.equal(file.map(), undefined);
    return file.notes()[0];
  };
  symlinkSync('/etc/passwd', path);
  t.equal(refused(), `${path} was not read: it is a symbolic link`);
  rmSync(path);
  execFileSync('mkfifo', [path]);
  t.equal(refused(), `${path} was not read: it is no regular file`);
  rmSync(path);
  writeFileSync(path, '1000 10 foreign\n');
  if (process.getuid?.() !== 0) return;
  chownSync(path, 12345, 12345);
  t.match(refused(), /it belongs to user 12345, not to the target's/);
});
