/**
 * The Go programs of workloads/: what they are, and which are built for an architecture and a
 * release.
 *
 * The fact readers get wrong: a program that has no go.mod of its own belongs to one module, with
 * the package `line` beside it; a program that older releases build too is a module by itself.
 */
import { chmod, copyFile, mkdir, readFile, readdir, rename } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { goReleases, goToolchain, run, type GoToolchain, type Progress } from '@sonde/toolchain';
import { PLAIN, buildGoProgram, type GoSources, type WorkloadBuild } from './go-program.js';
import { workloadFolder } from './lanes/objects.js';
import { fetchLibraries } from './libraries.js';
import { fetchMusl } from './musl.js';
import { packageRoot, type Architecture, type GoBuild } from './matrix.js';

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

/** Files in a folder, as paths from `root`, in one order everywhere. */
async function filesIn(root: string, folder: string): Promise<[string, string][]> {
  const names = (await readdir(join(root, folder))).sort();
  return names.map(name => [join(folder, name), join(root, folder, name)]);
}

/**
 * What belongs to every program of the shared module: its go.mod, and the package `line`, which
 * programs import as `sonde.test/workloads/line`.
 */
export async function sharedModule(): Promise<[string, string][]> {
  return [['go.mod', join(SOURCES, 'go.mod')], ...(await filesIn(SOURCES, 'line'))];
}

async function sourcesOf({ name }: WorkloadEntry, module: string): Promise<GoSources> {
  if (module !== SOURCES) {
    const goMod = [['go.mod', join(module, 'go.mod')]] as const;
    return { files: new Map([...goMod, ...(await filesIn(module, '.'))]), main: '.' };
  }
  const files = [...(await sharedModule()), ...(await filesIn(SOURCES, name))];
  return { files: new Map(files), main: `./${name}` };
}

/** What an architecture's C compiler says of itself. Throws CommandError where there is none. */
export function compilerVersion({ compiler, name }: Architecture): Promise<string> {
  return run(compiler, ['--version'], { what: `find a C compiler for ${name}` });
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
  if (unknown !== undefined) {
    const error = new Error(`build workload ${unknown}: there is no such program`);
    const names = listed.map(e => e.name).join(', ');
    const hint = `Sonde has ${names}; your own are folders of workloads/`;
    throw Object.assign(error, { hint });
  }
  const release = goRelease ?? (await defaultGoRelease());
  const entries: WorkloadEntry[] = [];
  for (const entry of listed) {
    if (names && !names.includes(entry.name)) continue;
    if (!isOlder(release, await moduleRelease(moduleFolder(entry)))) entries.push(entry);
  }
  const compiler = entries.some(e => e.cgo) ? await compilerVersion(architecture) : '';
  let fetched: Promise<GoToolchain> | undefined;
  const toolchain = (): Promise<GoToolchain> => (fetched ??= goToolchain(release, progress));
  const folder = workloadFolder(architecture);
  await mkdir(folder, { recursive: true });
  const paths: string[] = [];
  for (const entry of entries) {
    const { name, cgo } = entry;
    const sources = await sourcesOf(entry, moduleFolder(entry));
    const libraries =
      entry.libraries && (await fetchLibraries(entry.libraries, architecture, progress));
    for (const each of buildsOf(entry, request)) {
      const musl = each.musl === true ? await fetchMusl(architecture, progress) : undefined;
      if (musl !== undefined) await placeProgram(musl.loader.path, folder, musl.loader.name);
      const built = await buildGoProgram({
        ...{ name, cgo, sources, architecture, release, build: each, toolchain, progress },
        ...{ libraries, musl, compiler: cgo ? compiler : '' },
      });
      paths.push(await placeProgram(built, folder, programName(name, goRelease, each.name)));
    }
    for (const each of libraries?.shared ?? []) await placeProgram(each.path, folder, each.name);
  }
  return paths;
}

/** The builds of a program: the one that was asked for, else the plain one and its own. */
function buildsOf(entry: WorkloadEntry, { goRelease, build }: WorkloadRequest): WorkloadBuild[] {
  if (build !== undefined) return [build];
  if (goRelease !== undefined) return [PLAIN];
  return [PLAIN, ...(entry.builds ?? []).map(each => ({ ...each, set: PLAIN.set }))];
}

/** Copies a program into `folder` under `name`, where one may be running; returns its path. */
export async function placeProgram(built: string, folder: string, name: string): Promise<string> {
  const path = join(folder, name);
  const temporary = join(folder, `.${name}.${process.pid}`);
  await copyFile(built, temporary);
  await chmod(temporary, 0o755);
  // A rename, because the old program may be running.
  await rename(temporary, path);
  return path;
}
