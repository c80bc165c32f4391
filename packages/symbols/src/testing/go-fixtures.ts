/**
 * Builds the small Go programs that the tests read. What a reader would get wrong: the wanted
 * release is the toolchain's own `go` binary with GOTOOLCHAIN=local; the client's GOTOOLCHAIN
 * alone may silently build with another one, so the built file's version is checked.
 */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { type Arch, bufferReader, openElf } from '../elf/index.js';
import { readBuildInfo } from '../gosym/build-info.js';
import { parseGoRelease } from '../gosym/release.js';

/** A few releases for tests that need only some: each began another runtime or another layout. */
export const FIXTURE_RELEASES = ['go1.24.4', 'go1.26.8', 'go1.27.0'] as const;

/** Every minor release that Sonde reads, one patch release of each, ascending. */
export const ALL_RELEASES = [
  'go1.15.15',
  'go1.16.15',
  'go1.17.13',
  'go1.18.10',
  'go1.19.13',
  'go1.20.14',
  'go1.21.13',
  'go1.22.12',
  'go1.23.12',
  'go1.24.13',
  'go1.25.13',
  'go1.26.8',
  'go1.27.4',
] as const;

/** What to build. */
export interface FixtureOptions {
  /** The text of main.go. */
  readonly source: string;
  /** Any release from 1.15 on, such as `go1.26.8`; default is the local one. */
  readonly release?: string;
  readonly arch?: Arch;
  readonly cgo?: boolean;
  /** Arguments of `go build`, such as `-buildmode=pie`, `-ldflags=-s -w`, `-trimpath`. */
  readonly flags?: readonly string[];
  /** More files beside main.go by name, such as a package in a folder of its own. */
  readonly files?: Readonly<Record<string, string>>;
}

const GOARCH: Record<Arch, string> = { x86_64: 'amd64', arm64: 'arm64' };
const ROOT = join(tmpdir(), 'sonde-go-fixtures');

/** A go command that must not depend on the machine's own settings. */
function go(
  command: string,
  args: readonly string[],
  env: Record<string, string>,
  cwd = tmpdir(),
): string {
  const all = { ...process.env, GO111MODULE: 'on', GOFLAGS: '-mod=mod', GOWORK: 'off', ...env };
  return execFileSync(command, args, {
    env: all,
    cwd,
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
  const options = { env, cwd: tmpdir(), encoding: 'utf8' as const, maxBuffer: 1 << 28 };
  return execFileSync(
    command,
    ['tool', ...args],
    input === undefined ? options : { ...options, input },
  );
}

/** The `go` line of go.mod: what the release knows, and generics for the first that has them. */
function languageOf(release: string): string {
  const minor = parseGoRelease(release)?.minor ?? 0;
  return `1.${Math.min(minor, 21)}`;
}

/**
 * Builds a program, or returns the one built before: the cache is keyed by everything that goes
 * into it. Throws when the release is not available or the compiler fails.
 */
export function buildGoFixture(options: FixtureOptions): string {
  const { source, cgo = false, flags = [], files = {} } = options;
  const arch = options.arch ?? (process.arch === 'arm64' ? 'arm64' : 'x86_64');
  const release = options.release ?? localRelease();
  const root = release === undefined ? undefined : goRoot(release);
  if (release === undefined || root === undefined) {
    throw new Error(`build Go fixture: ${options.release ?? 'go'} is not available`);
  }
  const key = createHash('sha256')
    .update(JSON.stringify([source, release, arch, cgo, flags, files]))
    .digest('hex')
    .slice(0, 20);
  const folder = join(ROOT, key);
  const binary = join(folder, 'program');
  if (existsSync(binary)) return binary;
  const goMod = `module sonde.invalid/fixture\n\ngo ${languageOf(release)}\n`;
  for (const [name, text] of Object.entries({ ...files, 'main.go': source, 'go.mod': goMod })) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), text);
  }
  const command = join(root, 'bin', 'go');
  const foreign = arch === 'arm64' && process.arch !== 'arm64';
  const built = join(folder, `program.${process.pid}`);
  const env = {
    GOTOOLCHAIN: 'local',
    GOOS: 'linux',
    GOARCH: GOARCH[arch],
    CGO_ENABLED: cgo ? '1' : '0',
    ...(cgo && foreign && { CC: 'aarch64-linux-gnu-gcc' }),
  };
  // The folder is the working directory: `-C` is known from Go 1.20 on only.
  go(command, ['build', ...flags, '-o', built, '.'], env, folder);
  // `go version` of old releases cannot read libraries, nor programs of an external linker.
  const name = readBuildInfo(openElf(bufferReader(readFileSync(built))))?.goVersion ?? '';
  if (parseGoRelease(name)?.name !== release) {
    rmSync(built, { force: true });
    throw new Error(`build Go fixture: wanted ${release}, got ${name}`);
  }
  // Two test files may build the same fixture at once; a rename shows only whole programs.
  renameSync(built, binary);
  return binary;
}
