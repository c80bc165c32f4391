/**
 * Go releases, each the root of a complete toolchain that is only ever read.
 *
 * The `go` client fetches any release through the module proxy and checks it against the checksum
 * database; the module cache is the cache. The facts readers get wrong: `GOTOOLCHAIN=X go build`
 * silently builds with the local Go when modules are off, so callers must run `<root>/bin/go` with
 * GOTOOLCHAIN=local; and GOFLAGS must hold something harmless, because an empty one falls back to
 * what `go env -w` stored.
 */
import { join } from 'node:path';
import { cached, contentKey, exists, type Progress } from './cache.js';
import { CommandError, run } from './command.js';
import { debianPackage } from './debian.js';

/** The releases that tests use, each pinned to one exact version. */
export const goReleases: Readonly<Record<string, string>> = {
  '1.24': '1.24.13',
  '1.26': '1.26.8',
  '1.27': '1.27.4',
};

/** Where Debian has a release, for machines that cannot reach the module proxy. */
const DEBIAN_SUITES: Readonly<Record<string, string>> = {
  '1.24': 'trixie',
  '1.26': 'trixie-backports',
  '1.27': 'trixie-backports',
};

/** Where a Go toolchain lies and what it is. */
export interface GoToolchain {
  /** As asked for: `1.24`. */
  readonly release: string;
  /** As the toolchain says: `go1.24.13`. */
  readonly version: string;
  readonly root: string;
  /** The go program; run it with `goEnvironment()`. */
  readonly go: string;
}

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
 * Returns the toolchain of a release such as `1.24`: the local Go when it is that release, else the
 * pinned version through the module proxy, else Debian's own package. Throws CommandError saying
 * what each way answered.
 */
export async function goToolchain(
  release: string,
  progress: Progress = () => undefined,
): Promise<GoToolchain> {
  const pinned = goReleases[release];
  if (!pinned) {
    throw new CommandError(
      `fetch Go ${release}: not one of ${Object.keys(goReleases).join(', ')}`,
      '',
    );
  }
  const failures: string[] = [];
  const ways = [
    () => local(release),
    () => proxy(release, pinned, progress),
    () => fromDebian(release, progress),
  ];
  for (const way of ways) {
    try {
      return await way();
    } catch (cause) {
      failures.push((cause as Error).message);
    }
  }
  throw new CommandError(`fetch Go ${release}: ${failures.join('; ')}`, failures.join('\n'), {
    hint: 'install golang-go, or set GOPROXY to a module proxy that this machine reaches',
  });
}

/** Returns the root folder (GOROOT) of a release; see goToolchain. */
export async function goRoot(release: string, progress?: Progress): Promise<string> {
  return (await goToolchain(release, progress)).root;
}

async function describe(release: string, root: string): Promise<GoToolchain> {
  const go = join(root, 'bin/go');
  const said = await run(go, ['version'], {
    env: { GOTOOLCHAIN: 'local', GOROOT: undefined },
    cwd: '/',
  });
  const version = /go version (go\S+)/.exec(said)?.[1] ?? '';
  if (version !== `go${release}` && !version.startsWith(`go${release}.`)) {
    throw new CommandError(`use Go ${release} in ${root}: it is ${version || said}`, said);
  }
  return { release, version, root, go };
}

async function local(release: string): Promise<GoToolchain> {
  const environment = { GOTOOLCHAIN: 'local', GOFLAGS: '-mod=mod' };
  const root = await run('go', ['env', 'GOROOT'], { env: environment, cwd: '/', what: 'local Go' });
  return describe(release, root.trim());
}

async function proxy(release: string, pinned: string, progress: Progress): Promise<GoToolchain> {
  const environment = { GOFLAGS: '-mod=mod', GOTOOLCHAIN: 'local' };
  const modules = await run('go', ['env', 'GOMODCACHE'], { env: environment, cwd: '/' });
  const platform = `linux-${process.arch === 'arm64' ? 'arm64' : 'amd64'}`;
  const unpacked = join(modules, `golang.org/toolchain@v0.0.1-go${pinned}.${platform}`);
  if (!(await exists(unpacked))) progress(`fetching Go ${pinned}`);
  const root = await run('go', ['env', 'GOROOT'], {
    env: { GOTOOLCHAIN: `go${pinned}`, GOFLAGS: '-mod=mod', GO111MODULE: 'on' },
    cwd: '/',
    what: `fetch go${pinned} through the module proxy`,
  });
  return describe(release, root.trim());
}

async function fromDebian(release: string, progress: Progress): Promise<GoToolchain> {
  const suite = DEBIAN_SUITES[release];
  if (!suite) throw new CommandError(`fetch Go ${release} from Debian: no suite has it`, '');
  const arch = process.arch === 'arm64' ? 'arm64' : 'amd64';
  const binary = await debianPackage(suite, `golang-${release}-go`, arch, progress);
  const source = await debianPackage(suite, `golang-${release}-src`, arch, progress);
  return describe(release, await joinDebianGo(release, binary.directory, source.directory));
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
