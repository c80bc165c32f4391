/**
 * Where a test runs: this machine's kernel or a guest's, and what that kernel is.
 *
 * The fact readers get wrong: a test never asks for the kernel's version to decide what to do. It
 * asks for a feature, and the version only judges whether a missing feature is an earned skip.
 */
import { release } from 'node:os';

/** The place a test runs in. */
export interface CellInfo {
  readonly lane: 'host' | 'guest';
  /** `6.12-arm64` in a guest, `host` outside. */
  readonly name: string;
  /** As `uname -r` prints it. */
  readonly release: string;
  /** As probes name object files: `x86_64` or `arm64`. */
  readonly arch: 'x86_64' | 'arm64';
}

/** Returns where this process runs. Throws on an architecture that Sonde has no objects for. */
export function cellInfo(env: NodeJS.ProcessEnv = process.env): CellInfo {
  const name = env['SONDE_CELL'] ?? 'host';
  if (process.arch !== 'x64' && process.arch !== 'arm64') {
    throw new Error(`run test: architecture ${process.arch} has no BPF objects`);
  }
  return {
    lane: name === 'host' ? 'host' : 'guest',
    name,
    release: release(),
    arch: process.arch === 'x64' ? 'x86_64' : 'arm64',
  };
}

/**
 * Tells whether kernel `have` (`6.12.117+deb13`) is `since` (`6.6`) or newer, by its first two
 * numbers.
 */
export function kernelAtLeast(since: string, have: string = release()): boolean {
  const [wantMajor = 0, wantMinor = 0] = since.split('.').map(Number);
  const match = /^(\d+)\.(\d+)/.exec(have);
  if (!match) throw new Error(`compare kernels: ${have} is not a kernel release`);
  const [major, minor] = [Number(match[1]), Number(match[2])];
  return major > wantMajor || (major === wantMajor && minor >= wantMinor);
}
