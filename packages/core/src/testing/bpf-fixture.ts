/**
 * Small BPF objects and a small C program, compiled when a test needs them. The fact that is easy
 * to get wrong: a skip must be earned. hostLane() says why BPF cannot run here, and throws where a
 * kernel that should have ring buffers has none.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { release, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { feature } from '../loader/index.js';

/** The package's folder: this file runs from dist/testing. */
const PACKAGE = fileURLToPath(new URL('../../', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'sonde-core-test-'));
process.on('exit', () => rmSync(folder, { recursive: true, force: true }));

/** How to compile a BPF program. */
export interface CompileOptions {
  /** Macros by name. */
  readonly defines?: Readonly<Record<string, string>>;
  /** Name of the object file without its suffix; default the source's. */
  readonly outputName?: string;
}

function machine(): { arch: 'x86' | 'arm64'; triplet: string } {
  return process.arch === 'arm64'
    ? { arch: 'arm64', triplet: 'aarch64-linux-gnu' }
    : { arch: 'x86', triplet: 'x86_64-linux-gnu' };
}

/** Compiles packages/core/bpf-tests/NAME.bpf.c with clang; returns the object's path and bytes. */
export function compileProgram(
  name: string,
  options: CompileOptions = {},
): { readonly path: string; readonly bytes: Uint8Array } {
  const { arch, triplet } = machine();
  const path = join(folder, `${options.outputName ?? name}.bpf.o`);
  const defines = Object.entries(options.defines ?? {}).map(([key, value]) => `-D${key}=${value}`);
  // The source is named relative to the package, so that logs do not depend on the machine.
  execFileSync(
    'clang',
    [
      ...['-O2', '-g', '-mcpu=v2', '-target', 'bpf', `-D__TARGET_ARCH_${arch}`, ...defines],
      ...['-I', 'bpf', '-I', `/usr/include/${triplet}`, '-c', `bpf-tests/${name}.bpf.c`],
      ...['-o', path],
    ],
    { cwd: PACKAGE, stdio: ['ignore', 'ignore', 'inherit'] },
  );
  return { path, bytes: readFileSync(path) };
}

/** Compiles packages/core/bpf-tests/NAME.c once, for this machine; returns the program's path. */
export function compileTarget(name: string): string {
  const path = join(folder, name);
  if (existsSync(path)) return path; // it may be running, and all its runs share one file
  const source = join(PACKAGE, 'bpf-tests', `${name}.c`);
  execFileSync('clang', ['-O2', '-g', '-pthread', source, '-o', path], { stdio: 'inherit' });
  return path;
}

/**
 * False where BPF works on this host, else the reason for a skip. Throws when the kernel is new
 * enough to have ring buffers, the rights are there, and yet it says no.
 */
export async function hostLane(): Promise<string | false> {
  const ring = await feature('ringBuffer');
  if (ring.available) return false;
  const [major = 0, minor = 0] = release().split('.').map(Number);
  const old = major < 5 || (major === 5 && minor < 8);
  if (old) return `needs ring buffers (Linux ${ring.since}), this is ${release()}`;
  if (ring.hint !== undefined) return `needs rights: ${ring.evidence}; ${ring.hint}`;
  throw new Error(`Linux ${release()} should have ring buffers: ${ring.evidence}`);
}
