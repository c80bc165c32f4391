// @ts-check
/**
 * memleak of bcc's libbpf tools: what it is and how it is run beside the others. What a reader
 * would get wrong: a program `memleak` may be bcc's Python script, whose probes stay in the kernel
 * when it is killed; that one is never started. Where none is installed, Debian 13's is fetched
 * with the libraries that it was linked to, and started by their loader: nothing is installed.
 */
import { debianPackage } from '@sonde/toolchain';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  accessSync,
  closeSync,
  constants,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  readSync,
  rmSync,
  symlinkSync,
} from 'node:fs';
import { delimiter, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { OUT } from './build.mjs';

/** A program that can be started, and what it is called in a report. */
/** @typedef {{ command: string[], name: string }} Memleak */

const NAMES = ['memleak-libbpf', 'memleak'];
const SUITE = 'trixie';
const LIBRARIES = ['libc6', 'libelf1t64', 'zlib1g', 'libzstd1'];
const MACHINES = /** @type {const} */ ({
  x64: { arch: 'amd64', folder: 'x86_64-linux-gnu', loader: 'ld-linux-x86-64.so.2' },
  arm64: { arch: 'arm64', folder: 'aarch64-linux-gnu', loader: 'ld-linux-aarch64.so.1' },
});
/** How long it may take to attach, and to detach, in ms. */
const PATIENCE_MS = 20_000;
/** Without a further link for so long, in ms, all are there: they come within tens of them. */
const SETTLED_MS = 500;

/** @param {string} path whether it is a compiled program that may be started */
function isElf(path) {
  try {
    accessSync(path, constants.X_OK);
    const start = Buffer.alloc(4);
    const file = openSync(path, 'r');
    readSync(file, start, 0, 4, 0);
    closeSync(file);
    return start.toString('latin1') === '\x7fELF';
  } catch {
    return false;
  }
}

/** @returns {Memleak | undefined} */
function installed() {
  const folders = (process.env['PATH'] ?? '').split(delimiter).filter(folder => folder !== '');
  const paths = NAMES.flatMap(name => folders.map(folder => join(folder, name)));
  const command = paths.find(isElf);
  return command === undefined ? undefined : { command: [command], name: 'installed' };
}

/** @returns {Promise<Memleak>} Debian 13's, from the cache where it was fetched before */
async function fetched() {
  const machine = MACHINES[/** @type {keyof typeof MACHINES} */ (process.arch)];
  if (machine === undefined) throw new Error(`there is none for ${process.arch}`);
  const tools = await debianPackage(SUITE, 'libbpf-tools', machine.arch);
  const libraries = [];
  for (const name of LIBRARIES) {
    const { directory } = await debianPackage(SUITE, name, machine.arch);
    libraries.push(join(directory, 'usr/lib', machine.folder));
  }
  const loader = join(/** @type {string} */ (libraries[0]), machine.loader);
  const program = join(tools.directory, 'usr/sbin/memleak-libbpf');
  return {
    command: [loader, '--library-path', libraries.join(':'), program],
    name: `libbpf-tools ${tools.version}`,
  };
}

/** A memleak to measure, or in one line why there is none. */
export async function findMemleak() {
  const own = installed();
  if (own !== undefined) return own;
  try {
    return await fetched();
  } catch (error) {
    const { message } = /** @type {Error} */ (error);
    return `it is not installed, nor could it be fetched: ${message}`;
  }
}

/** @param {number} pid path of the C library that a process runs with */
function libcOf(pid) {
  const path = /\s(\/\S*\/libc\.so\.6)$/m.exec(readFileSync(`/proc/${pid}/maps`, 'utf8'))?.[1];
  if (path === undefined) throw new Error(`run memleak: process ${pid} has no libc.so.6`);
  return path;
}

/** @param {number} pid how many BPF links a process holds; none when it is gone */
function linkCount(pid) {
  const folder = `/proc/${pid}/fd`;
  try {
    const targets = readdirSync(folder).map(fd => readlinkSync(join(folder, fd)));
    return targets.filter(target => /bpf[-_]link/.test(target)).length;
  } catch {
    return 0;
  }
}

/**
 * Waits until memleak has attached everything: it says so on a pipe that it flushes at its end.
 * @param {number} pid
 */
async function attached(pid) {
  const end = performance.now() + PATIENCE_MS;
  for (let [links, since] = [0, Infinity]; performance.now() - since < SETTLED_MS;) {
    if (performance.now() > end)
      throw new Error(`run memleak: it did not attach in ${PATIENCE_MS} ms`);
    await sleep(20);
    const now = linkCount(pid);
    if (now !== links) [links, since] = [now, performance.now()];
  }
}

/**
 * Runs `work` while memleak watches the process's C library. It is ended as its user would, and has
 * to end: its probes must not be there when the next is measured.
 * @template T
 * @param {Memleak} memleak
 * @param {number} pid
 * @param {() => Promise<T>} work
 */
export async function withMemleak({ command, name }, pid, work) {
  const folder = join(OUT, 'memleak');
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  // It cuts the path of a library after 31 characters.
  symlinkSync(libcOf(pid), join(folder, 'libc.so.6'));
  const [program = '', ...first] = command;
  const args = [...first, '-p', `${pid}`, '-O', './libc.so.6', '3600'];
  const child = spawn(program, args, { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] });
  const closed = once(child, 'close');
  let said = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', data => (said += data));
  const failed = closed.then(([code]) => {
    throw new Error(`memleak (${name}) ended with ${code}: ${said.trim()}`);
  });
  failed.catch(() => undefined);
  try {
    await Promise.race([attached(/** @type {number} */ (child.pid)), failed]);
    return await Promise.race([work(), failed]);
  } finally {
    child.kill('SIGINT');
    const late = setTimeout(() => child.kill('SIGKILL'), PATIENCE_MS);
    await closed;
    clearTimeout(late);
  }
}
