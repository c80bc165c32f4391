/**
 * Go releases, each the root of a complete toolchain that is only ever read.
 *
 * The `go` client fetches any release through the module proxy; what came is compared with the
 * manifest and with the checksum database. The module cache is the cache: a release that was
 * fetched once is used without a network, and an interrupted fetch loses that release only.
 * The facts readers get wrong: `GOTOOLCHAIN=X go build` silently builds with the local Go when
 * modules are off, so callers must run `<root>/bin/go` with GOTOOLCHAIN=local; GOFLAGS must hold
 * something harmless, because an empty one falls back to what `go env -w` stored; and a toolchain
 * that `go mod download` unpacked has no executable file before GOTOOLCHAIN chose it once.
 */
import { join } from 'node:path';
import { cached, contentKey, exists, type Progress } from './cache.js';
import { CommandError, run } from './command.js';
import { debianPackage } from './debian.js';
import { findGoRelease, goInDebian, goReleases, type GoReleaseEntry } from './go-manifest.js';

/** Where a Go toolchain lies and what it is. */
export interface GoToolchain {
  /** The line: `1.24`. */
  readonly release: string;
  /** As the toolchain says: `go1.24.13`. */
  readonly version: string;
  readonly root: string;
  /** The go program; run it with `goEnvironment()`. */
  readonly go: string;
}

/** What a caller asks for: the manifest's entry, and whether another patch of the line will do. */
interface Wanted {
  readonly entry: GoReleaseEntry;
  readonly exact: boolean;
}

/** Variables for the local `go` command, whatever `go env -w` and the shell have set. */
const LOCAL_ENVIRONMENT = { GOTOOLCHAIN: 'local', GOFLAGS: '-mod=mod', GO111MODULE: 'on' };

/** Returns the variables under which a fetched toolchain builds with itself and nothing else. */
export function goEnvironment(toolchain: GoToolchain): Record<string, string | undefined> {
  return {
    GOTOOLCHAIN: 'local',
    GOFLAGS: '-mod=mod',
    GOROOT: undefined,
    GOWORK: 'off',
    PATH: `${toolchain.root}/bin:${process.env['PATH'] ?? ''}`,
  };
}

/**
 * Returns the toolchain of a line such as `1.24`, or of one exact release such as `go1.24.6`: the
 * folder that `$SONDE_GO_1_24` names, else the local Go when it is that, else the manifest's
 * release through the module proxy, else (for a line only) Debian's own package.
 * Throws CommandError saying what each way answered.
 */
export async function goToolchain(
  release: string,
  progress: Progress = () => undefined,
): Promise<GoToolchain> {
  const entry = findGoRelease(release);
  if (!entry) {
    const known = Object.keys(goReleases).join(', ');
    throw new CommandError(`fetch Go ${release}: not in go-releases.json; its lines: ${known}`, '');
  }
  const wanted = { entry, exact: release !== entry.line };
  const override = overrideVariable(entry.line);
  const given = process.env[override];
  if (given) return describe(wanted, given, `use ${override}`);
  const failures: string[] = [];
  const ways = [
    () => local(wanted),
    () => proxy(wanted, progress),
    ...(wanted.exact ? [] : [() => fromDebian(wanted, progress)]),
  ];
  for (const way of ways) {
    try {
      return await way();
    } catch (cause) {
      if (cause instanceof ChecksumError) throw cause;
      failures.push((cause as Error).message);
    }
  }
  const named = wanted.exact ? entry.version : `Go ${release} (${entry.version})`;
  throw new CommandError(`fetch ${named}: ${failures.join('; ')}`, failures.join('\n'), {
    hint: `set GOPROXY to a module proxy that has it, or ${override} to the folder of such a Go`,
  });
}

/** Returns the root folder (GOROOT) of a release; see goToolchain. */
export async function goRoot(release: string, progress?: Progress): Promise<string> {
  return (await goToolchain(release, progress)).root;
}

/** The variable that names a toolchain's folder for one line: `SONDE_GO_1_24`. */
function overrideVariable(line: string): string {
  return `SONDE_GO_${line.replace('.', '_')}`;
}

/** A download that is not what the manifest names; no other way is tried after it. */
class ChecksumError extends CommandError {}

async function describe(wanted: Wanted, root: string, what: string): Promise<GoToolchain> {
  const { version: expected, line } = wanted.entry;
  const go = join(root, 'bin/go');
  const env = { GOTOOLCHAIN: 'local', GOFLAGS: '-mod=mod', GOROOT: undefined };
  const said = await run(go, ['version'], { env, cwd: '/', what });
  const version = /go version (go\S+)/.exec(said)?.[1] ?? '';
  const ofLine = version === `go${line}` || version.startsWith(`go${line}.`);
  if (version !== expected && (wanted.exact || !ofLine)) {
    const name = wanted.exact ? expected : `Go ${line}`;
    throw new CommandError(`${what}: wanted ${name}, ${root} is ${version || said}`, said);
  }
  return { release: line, version, root, go };
}

async function local(wanted: Wanted): Promise<GoToolchain> {
  const what = 'use the local Go';
  const root = await run('go', ['env', 'GOROOT'], { env: LOCAL_ENVIRONMENT, cwd: '/', what });
  return describe(wanted, root.trim(), what);
}

/** This machine's platform in the names of toolchain modules. */
function platform(): string {
  return `linux-${process.arch === 'arm64' ? 'arm64' : 'amd64'}`;
}

async function proxy(wanted: Wanted, progress: Progress): Promise<GoToolchain> {
  const { version } = wanted.entry;
  const what = `fetch ${version} through the module proxy`;
  const modules = await run('go', ['env', 'GOMODCACHE'], { env: LOCAL_ENVIRONMENT, cwd: '/' });
  const module = `golang.org/toolchain@v0.0.1-${version}.${platform()}`;
  const unpacked = await exists(join(modules.trim(), module));
  if (!unpacked) {
    progress(`fetching ${version} (60 to 110 MB)`);
    const args = ['mod', 'download', '-json', module];
    const answer = await run('go', args, { env: LOCAL_ENVIRONMENT, cwd: '/', what }).catch(
      (cause: unknown) => Promise.reject(plainRefusal(cause, what)),
    );
    checkSum(wanted.entry, (JSON.parse(answer) as { Sum?: string }).Sum ?? '');
    progress(`verified ${version}`);
  } else {
    await verifyCached(wanted.entry, module, progress);
  }
  const root = await run('go', ['env', 'GOROOT'], {
    env: { ...LOCAL_ENVIRONMENT, GOTOOLCHAIN: version },
    cwd: '/',
    what,
  });
  return describe(wanted, root.trim(), what);
}

/** `go mod download -json` says why inside its JSON; the error then holds that sentence alone. */
function plainRefusal(cause: unknown, what: string): unknown {
  if (!(cause instanceof CommandError)) return cause;
  const said = /"Error": "((?:[^"\\]|\\.)*)"/.exec(cause.output)?.[1];
  if (said === undefined) return cause;
  const sentence = said.replace(/\\[nt]+/g, ' ').replace(/^\S+@\S+: /, '');
  return new CommandError(`${what}: ${sentence}`, cause.output, { cause });
}

/** A cached toolchain was checked when it was fetched; its recorded hash is compared once more. */
async function verifyCached(
  entry: GoReleaseEntry,
  module: string,
  progress: Progress,
): Promise<void> {
  const args = ['mod', 'download', '-json', module];
  const env = { ...LOCAL_ENVIRONMENT, GOPROXY: 'off' };
  const answer = await run('go', args, { env, cwd: '/' }).catch(() => undefined);
  if (answer !== undefined) {
    checkSum(entry, (JSON.parse(answer) as { Sum?: string }).Sum ?? '');
    return;
  }
  progress(`using the cached ${entry.version}: its checksum is not recorded here`);
}

/** Throws where the manifest names another hash for this machine's platform. */
export function checkSum(entry: GoReleaseEntry, sum: string, where = platform()): void {
  const expected = entry.sums[where];
  if (expected === undefined || expected === sum) return;
  const message = `verify ${entry.version} for ${where}: wanted ${expected}, got ${sum || 'none'}`;
  throw new ChecksumError(message, '', {
    hint: 'the proxy gave another file than go-releases.json names; do not use it',
  });
}

async function fromDebian(wanted: Wanted, progress: Progress): Promise<GoToolchain> {
  const { line } = wanted.entry;
  const place = goInDebian[line];
  if (!place) throw new CommandError(`fetch Go ${line} from Debian: no suite has it`, '');
  const arch = process.arch === 'arm64' ? 'arm64' : 'amd64';
  const binary = await debianPackage(place.suite, `${place.pattern}-go`, arch, progress);
  const source = await debianPackage(place.suite, `${place.pattern}-src`, arch, progress);
  progress(`Go ${line} is Debian's ${binary.version} (SHA-256 ${binary.sha256.slice(0, 16)}…)`);
  const root = await joinDebianGo(line, binary.directory, source.directory);
  return describe(wanted, root, `use Debian's Go ${line}`);
}

/** Debian splits a toolchain over /usr/lib and /usr/share; `go` wants both under one root. */
async function joinDebianGo(release: string, binary: string, source: string): Promise<string> {
  const name = `debian-${release}-${contentKey([binary, source])}`;
  const root = await cached('go', name, async directory => {
    const lib = join(binary, `usr/lib/go-${release}`);
    const share = join(source, `usr/share/go-${release}`);
    await run('cp', ['-rL', `${lib}/bin`, `${lib}/VERSION`, directory]).catch(() =>
      run('cp', ['-r', `${lib}/bin`, directory]),
    );
    await run('cp', ['-r', `${lib}/pkg`, directory]);
    for (const part of ['src', 'api', 'misc', 'test', 'VERSION']) {
      const from = join(share, part);
      if (await exists(from)) await run('cp', ['-r', from, directory]);
    }
    const includes = join(share, 'pkg/include');
    if (await exists(includes)) await run('cp', ['-rT', includes, join(directory, 'pkg/include')]);
  });
  return root;
}
