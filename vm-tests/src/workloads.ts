/**
 * Builds the Go programs of workloads/ for an architecture and a Go release.
 *
 * The cache is keyed by the sources, the release, the build's flags and the C compiler, so an
 * unchanged program costs a copy, and its toolchain is not even fetched. The facts readers get
 * wrong: `GOTOOLCHAIN=X go build` may silently use another Go, so each release's own `bin/go` runs,
 * and its version has to be found in what it built; sources are copied out of the repository first,
 * because only some releases look for it and only some know the flag that forbids it.
 */
import {
  chmod,
  copyFile,
  cp,
  mkdir,
  readFile,
  readdir,
  rename,
  rm,
  writeFile,
} from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import {
  cacheRoot,
  cached,
  contentKey,
  exists,
  goEnvironment,
  goReleases,
  goToolchain,
  run,
  type GoToolchain,
  type Progress,
} from '@sonde/toolchain';
import { workloadFolder } from './lanes/objects.js';
import { fetchLibraries, type Libraries } from './libraries.js';
import { fetchMusl, type Musl } from './musl.js';
import { packageRoot, type Architecture, type GoBuild } from './matrix.js';

/** A build that differs in its C half as well. */
interface WorkloadBuild extends GoBuild {
  /** Further flags of the C compiler. */
  readonly cFlags?: readonly string[];
  /** Built against musl instead of the machine's own C library. */
  readonly musl?: boolean;
}

/** One program of workloads/workloads.json. */
export interface WorkloadEntry {
  readonly name: string;
  readonly cgo: boolean;
  /** Built by every release of the matrix that its module admits, beside the default one. */
  readonly everyRelease?: boolean;
  /** C libraries of Debian's that it is built against and loads. */
  readonly libraries?: readonly string[];
  /** Further builds by the default release, beside the plain one. */
  readonly builds?: readonly Omit<WorkloadBuild, 'set'>[];
  readonly about: string;
}

const SOURCES = join(packageRoot, 'workloads');
/** A build as the toolchain makes it, which adds nothing to a program's name. */
export const PLAIN: GoBuild = { name: 'plain', set: 'fast', flags: [] };

/** Returns what workloads.json lists. */
export async function listWorkloads(): Promise<WorkloadEntry[]> {
  const text = await readFile(join(SOURCES, 'workloads.json'), 'utf8');
  return (JSON.parse(text) as { workloads: WorkloadEntry[] }).workloads;
}

/**
 * Returns the release that programs without a suffix are built by: the local Go's when it is one
 * that Sonde has tables for and that can build all of them, so that nothing is fetched, else the
 * oldest such one.
 */
export async function defaultGoRelease(): Promise<string> {
  const oldest = await moduleRelease(SOURCES);
  const known = Object.keys(goReleases).filter(release => !isOlder(release, oldest));
  const environment = { GOTOOLCHAIN: 'local', GOFLAGS: '-mod=mod' };
  const said = await run('go', ['env', 'GOVERSION'], { env: environment, cwd: '/' }).catch(
    () => '',
  );
  const local = /^go(\d+\.\d+)/.exec(said)?.[1];
  return local !== undefined && known.includes(local) ? local : (known[0] ?? '');
}

/** Whether release line `a` (`1.15`) came before `b`. */
function isOlder(a: string, b: string): boolean {
  const [[aMajor = 0, aMinor = 0], [bMajor = 0, bMinor = 0]] = [a, b].map(line =>
    line.split('.').map(Number),
  ) as [number[], number[]];
  return aMajor < bMajor || (aMajor === bMajor && aMinor < bMinor);
}

/** The module that holds a program: its own, or the one that most of them share. */
function moduleFolder(entry: WorkloadEntry): string {
  const own = join(SOURCES, entry.name);
  return existsSync(join(own, 'go.mod')) ? own : SOURCES;
}

/** The oldest release line that a module admits: its `go` line. */
async function moduleRelease(folder: string): Promise<string> {
  const text = await readFile(join(folder, 'go.mod'), 'utf8');
  return /^go (\d+\.\d+)/m.exec(text)?.[1] ?? '';
}

/** Files of a program, from the folder of its module. */
async function sourceFiles(entry: WorkloadEntry): Promise<string[]> {
  const module = moduleFolder(entry);
  const folders = module === SOURCES ? ['line', entry.name] : ['.'];
  const lists = folders.map(async folder =>
    (await readdir(join(module, folder))).sort().map(file => join(folder, file)),
  );
  return [...new Set(['go.mod', ...(await Promise.all(lists)).flat()])];
}

interface BuildRequest {
  readonly entry: WorkloadEntry;
  readonly architecture: Architecture;
  /** Release line. */
  readonly release: string;
  readonly build: WorkloadBuild;
  readonly musl: Musl | undefined;
  /** What the C compiler says of itself; empty for programs without C. */
  readonly compiler: string;
  readonly libraries: Libraries | undefined;
  /** Finds the toolchain; called only when something has to be built. */
  readonly toolchain: () => Promise<GoToolchain>;
  readonly progress: Progress;
}

/** Returns the path of the program in the cache, after building it where it is not there. */
async function buildOne(request: BuildRequest): Promise<string> {
  const { entry, architecture: arch, release, build, compiler, libraries } = request;
  const parts: (string | Uint8Array)[] = [arch.goarch, compiler, ...build.flags];
  if (libraries !== undefined) parts.push(libraries.key);
  parts.push(...(build.cFlags ?? []), ...(request.musl === undefined ? [] : [request.musl.key]));
  for (const file of await sourceFiles(entry)) {
    parts.push(file, await readFile(join(moduleFolder(entry), file)));
  }
  const nameFor = (version: string): string =>
    `${entry.name}-${arch.name}-${version}-${build.name}-${contentKey([version, ...parts])}`;
  const pinned = nameFor(`go${goReleases[release] ?? ''}`);
  if (await exists(join(cacheRoot(), 'workload', pinned))) {
    return join(await cached('workload', pinned, async () => undefined), entry.name);
  }
  const toolchain = await request.toolchain();
  const folder = await cached('workload', nameFor(toolchain.version), directory =>
    compile(request, toolchain, directory),
  );
  return join(folder, entry.name);
}

async function compile(
  request: BuildRequest,
  toolchain: GoToolchain,
  directory: string,
): Promise<void> {
  const { entry, architecture: arch, build, progress } = request;
  const how = build.name === PLAIN.name ? '' : `, ${build.name}`;
  progress(`building ${entry.name} for ${arch.name} with ${toolchain.version}${how}`);
  const module = moduleFolder(entry);
  const sources = join(directory, 'sources');
  for (const file of await sourceFiles(entry)) await cp(join(module, file), join(sources, file));
  const output = join(directory, entry.name);
  const place = module === SOURCES ? `./${entry.name}` : '.';
  const specs = join(sources, 'musl.specs');
  if (request.musl !== undefined) await writeFile(specs, request.musl.specs);
  const { cFlags } = build;
  // The build of a fixture never makes the machine slow for whoever works on it.
  const command = [toolchain.go, 'build', ...build.flags, '-o', output, place];
  await run('nice', command, {
    cwd: sources,
    env: {
      ...goEnvironment(toolchain),
      GOOS: 'linux',
      GOARCH: arch.goarch,
      CGO_ENABLED: entry.cgo ? '1' : '0',
      CC: request.musl === undefined ? arch.compiler : `${arch.compiler} -specs=${specs}`,
      ...(cFlags !== undefined && { CGO_CFLAGS: ['-g', '-O2', ...cFlags].join(' ') }),
      ...request.libraries?.env,
    },
    what: `build workload ${entry.name} for ${arch.name} with ${toolchain.version}${how}`,
  });
  await rm(sources, { recursive: true });
  // Not `go version`: the oldest one misreads stripped arm64 PIE programs, whose pointers are zero.
  if (!(await readFile(output)).includes(toolchain.version)) {
    throw new Error(`build workload ${entry.name}: it was not built by ${toolchain.version}`);
  }
}

/** What to build: one architecture, one Go release, and all programs unless some are named. */
export interface WorkloadRequest {
  readonly architecture: Architecture;
  /** Such as `1.24`; the default release, whose programs have no suffix, when left out. */
  readonly goRelease?: string;
  readonly build?: GoBuild;
  readonly names?: readonly string[];
  readonly progress: Progress;
}

/** A program's file name: `NAME`, `NAME-go1.24`, `NAME-go1.24-stripped`. */
export function programName(name: string, goRelease?: string, build?: string): string {
  const release = goRelease === undefined ? '' : `-go${goRelease}`;
  return `${name}${release}${build === undefined || build === PLAIN.name ? '' : `-${build}`}`;
}

/**
 * Builds workloads and puts them into dist/workloads/ARCH, named as programName says; leaves out
 * those whose module needs a newer release. Returns their paths. Throws CommandError with the
 * compiler's words when one cannot be built, or says why its release cannot be fetched.
 */
export async function buildWorkloads(request: WorkloadRequest): Promise<string[]> {
  const { architecture, goRelease, names, progress } = request;
  const listed = await listWorkloads();
  const unknown = names?.find(n => !listed.some(e => e.name === n));
  if (unknown !== undefined) throw new Error(`build workload ${unknown}: not in workloads.json`);
  const release = goRelease ?? (await defaultGoRelease());
  const entries: WorkloadEntry[] = [];
  for (const entry of listed) {
    if (names && !names.includes(entry.name)) continue;
    if (!isOlder(release, await moduleRelease(moduleFolder(entry)))) entries.push(entry);
  }
  const compiler = entries.some(e => e.cgo)
    ? await run(architecture.compiler, ['--version'], {
        what: `find a C compiler for ${architecture.name}`,
      })
    : '';
  let fetched: Promise<GoToolchain> | undefined;
  const toolchain = (): Promise<GoToolchain> => (fetched ??= goToolchain(release, progress));
  const folder = workloadFolder(architecture);
  await mkdir(folder, { recursive: true });
  const paths: string[] = [];
  for (const entry of entries) {
    const libraries =
      entry.libraries && (await fetchLibraries(entry.libraries, architecture, progress));
    for (const each of buildsOf(entry, request)) {
      const musl = each.musl === true ? await fetchMusl(architecture, progress) : undefined;
      if (musl !== undefined) await place(musl.loader.path, folder, musl.loader.name);
      const built = await buildOne({
        ...{ entry, architecture, release, build: each, toolchain, progress, libraries, musl },
        compiler: entry.cgo ? compiler : '',
      });
      paths.push(await place(built, folder, programName(entry.name, goRelease, each.name)));
    }
    for (const { name, path } of libraries?.shared ?? []) await place(path, folder, name);
  }
  return paths;
}

/** The builds of a program: the one that was asked for, else the plain one and its own. */
function buildsOf(entry: WorkloadEntry, { goRelease, build }: WorkloadRequest): WorkloadBuild[] {
  if (build !== undefined) return [build];
  if (goRelease !== undefined) return [PLAIN];
  return [PLAIN, ...(entry.builds ?? []).map(each => ({ ...each, set: PLAIN.set }))];
}

async function place(built: string, folder: string, name: string): Promise<string> {
  const path = join(folder, name);
  const temporary = join(folder, `.${name}.${process.pid}`);
  await copyFile(built, temporary);
  await chmod(temporary, 0o755);
  // A rename, because the old program may be running.
  await rename(temporary, path);
  return path;
}
