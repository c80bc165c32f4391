/**
 * Builds the small Go programs that the tests read. What a reader would get wrong: the wanted
 * release is the toolchain's own `go` binary with GOTOOLCHAIN=local; the client's GOTOOLCHAIN
 * alone may silently build with another one, so the built file's version is checked.
 */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Arch } from '../elf/index.js';
import { parseGoRelease } from '../gosym/release.js';

/** Releases of the tables, one patch release of each; `local` is whatever `go` is in the PATH. */
export const FIXTURE_RELEASES = ['go1.24.4', 'go1.26.8', 'go1.27.0'] as const;

/** What to build. */
export interface FixtureOptions {
  /** The text of main.go. */
  readonly source: string;
  /** Such as `go1.26.8`; default is the local release. */
  readonly release?: string;
  readonly arch?: Arch;
  readonly cgo?: boolean;
  readonly flags?: readonly string[];
}

const GOARCH: Record<Arch, string> = { x86_64: 'amd64', arm64: 'arm64' };
const ROOT = join(tmpdir(), 'sonde-go-fixtures');

/** A go command that must not depend on the machine's own settings. */
function go(command: string, args: readonly string[], env: Record<string, string>): string {
  const all = { ...process.env, GOFLAGS: '-mod=mod', GOWORK: 'off', ...env };
  return execFileSync(command, args, {
    env: all,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
  });
}

/** Version of the local toolchain, such as `go1.26.8`; undefined where there is no `go`. */
export function localRelease(): string | undefined {
  try {
    return go('go', ['env', 'GOVERSION'], { GOTOOLCHAIN: 'local' }).trim();
  } catch {
    return undefined;
  }
}

const roots = new Map<string, string | undefined>();

/** Directory of a release's toolchain; undefined where it is not here and cannot be fetched. */
export function goRoot(release: string): string | undefined {
  if (!roots.has(release)) {
    try {
      roots.set(release, go('go', ['env', 'GOROOT'], { GOTOOLCHAIN: release }).trim());
    } catch {
      roots.set(release, undefined);
    }
  }
  return roots.get(release);
}

/** Runs `go tool …` of a release and returns its output. */
export function goTool(release: string, args: readonly string[], input?: string): string {
  const command = join(goRoot(release)!, 'bin', 'go');
  const env = { ...process.env, GOFLAGS: '-mod=mod', GOTOOLCHAIN: 'local' };
  const options = { env, encoding: 'utf8' as const, maxBuffer: 1 << 28 };
  return execFileSync(
    command,
    ['tool', ...args],
    input === undefined ? options : { ...options, input },
  );
}

/**
 * Builds a program, or returns the one built before: the cache is keyed by everything that goes
 * into it. Throws when the release is not available or the compiler fails.
 */
export function buildGoFixture(options: FixtureOptions): string {
  const { source, cgo = false, flags = [] } = options;
  const arch = options.arch ?? (process.arch === 'arm64' ? 'arm64' : 'x86_64');
  const release = options.release ?? localRelease();
  const root = release === undefined ? undefined : goRoot(release);
  if (release === undefined || root === undefined) {
    throw new Error(`build Go fixture: ${options.release ?? 'go'} is not available`);
  }
  const key = createHash('sha256')
    .update(JSON.stringify([source, release, arch, cgo, flags]))
    .digest('hex')
    .slice(0, 20);
  const folder = join(ROOT, key);
  const binary = join(folder, 'program');
  if (existsSync(binary)) return binary;
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'main.go'), source);
  writeFileSync(join(folder, 'go.mod'), 'module sonde.invalid/fixture\n\ngo 1.21\n');
  const command = join(root, 'bin', 'go');
  const foreign = arch === 'arm64' && process.arch !== 'arm64';
  const built = join(folder, `program.${process.pid}`);
  go(command, ['build', '-C', folder, ...flags, '-o', built, '.'], {
    GOTOOLCHAIN: 'local',
    GOOS: 'linux',
    GOARCH: GOARCH[arch],
    CGO_ENABLED: cgo ? '1' : '0',
    ...(cgo && foreign && { CC: 'aarch64-linux-gnu-gcc' }),
  });
  const version = go(command, ['version', built], { GOTOOLCHAIN: 'local' });
  const name = version.slice(version.indexOf(': ') + 2).trim();
  if (parseGoRelease(name)?.name !== release) {
    rmSync(built, { force: true });
    throw new Error(`build Go fixture: wanted ${release}, got ${name}`);
  }
  // Two test files may build the same fixture at once; a rename shows only whole programs.
  renameSync(built, binary);
  return binary;
}
