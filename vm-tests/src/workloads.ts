/**
 * Builds the Go programs of workloads/ for an architecture and a Go release.
 *
 * The cache is keyed by the sources, the toolchain and the C compiler, so an unchanged program
 * costs a copy. The fact readers get wrong: `GOTOOLCHAIN=X go build` may silently use another Go,
 * so each release's own `bin/go` runs, and what it built is asked which Go made it.
 */
import { chmod, copyFile, mkdir, readFile, readdir, rename } from 'node:fs/promises';
import { join } from 'node:path';
import {
  cached,
  contentKey,
  goEnvironment,
  goReleases,
  goToolchain,
  run,
  type GoToolchain,
  type Progress,
} from '@sonde/toolchain';
import { workloadFolder } from './lanes/objects.js';
import { packageRoot, type Architecture } from './matrix.js';

/** One program of workloads/workloads.json. */
export interface WorkloadEntry {
  readonly name: string;
  readonly cgo: boolean;
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
 * that Sonde has tables for, so that nothing is fetched, else the oldest of those.
 */
export async function defaultGoRelease(): Promise<string> {
  const known = Object.keys(goReleases);
  const environment = { GOTOOLCHAIN: 'local', GOFLAGS: '-mod=mod' };
  const said = await run('go', ['env', 'GOVERSION'], { env: environment, cwd: '/' }).catch(
    () => '',
  );
  const local = /^go(\d+\.\d+)/.exec(said)?.[1];
  return local !== undefined && known.includes(local) ? local : (known[0] ?? '');
}

async function sourceParts(entry: WorkloadEntry): Promise<(string | Uint8Array)[]> {
  const parts: (string | Uint8Array)[] = [await readFile(join(SOURCES, 'go.mod'))];
  for (const folder of ['line', entry.name]) {
    for (const file of (await readdir(join(SOURCES, folder))).sort()) {
      parts.push(`${folder}/${file}`, await readFile(join(SOURCES, folder, file)));
    }
  }
  return parts;
}

async function buildOne(
  entry: WorkloadEntry,
  arch: Architecture,
  toolchain: GoToolchain,
  compiler: string,
  progress: Progress,
): Promise<string> {
  const parts = [...(await sourceParts(entry)), toolchain.version, arch.goarch, compiler];
  const name = `${entry.name}-${arch.name}-${toolchain.version}-${contentKey(parts)}`;
  const folder = await cached('workload', name, async directory => {
    progress(`building ${entry.name} for ${arch.name} with ${toolchain.version}`);
    const output = join(directory, entry.name);
    await run(toolchain.go, ['build', '-buildvcs=false', '-o', output, `./${entry.name}`], {
      cwd: SOURCES,
      env: {
        ...goEnvironment(toolchain),
        GOOS: 'linux',
        GOARCH: arch.goarch,
        CGO_ENABLED: entry.cgo ? '1' : '0',
        CC: arch.compiler,
      },
      what: `build workload ${entry.name} for ${arch.name}`,
    });
    const said = await run(toolchain.go, ['version', output], { env: goEnvironment(toolchain) });
    if (!said.trim().endsWith(toolchain.version)) {
      throw new Error(`build workload ${entry.name}: asked for ${toolchain.version}, got ${said}`);
    }
  });
  return join(folder, entry.name);
}

/** What to build: one architecture, one Go release, and all programs unless some are named. */
export interface WorkloadRequest {
  readonly architecture: Architecture;
  /** Such as `1.24`; the default release, whose programs have no suffix, when left out. */
  readonly goRelease?: string;
  readonly names?: readonly string[];
  readonly progress: Progress;
}

/**
 * Builds workloads and puts them into dist/workloads/ARCH, named `NAME` or `NAME-goRELEASE`.
 * Returns their paths. Throws CommandError with the compiler's words when one cannot be built.
 */
export async function buildWorkloads(request: WorkloadRequest): Promise<string[]> {
  const { architecture: arch, goRelease, names, progress } = request;
  const entries = (await listWorkloads()).filter(e => !names || names.includes(e.name));
  const unknown = names?.find(n => !entries.some(e => e.name === n));
  if (unknown !== undefined) throw new Error(`build workload ${unknown}: not in workloads.json`);
  const toolchain = await goToolchain(goRelease ?? (await defaultGoRelease()), progress);
  const compiler = entries.some(e => e.cgo)
    ? await run(arch.compiler, ['--version'], { what: `find a C compiler for ${arch.name}` })
    : '';
  const folder = workloadFolder(arch);
  await mkdir(folder, { recursive: true });
  const paths: string[] = [];
  for (const entry of entries) {
    const built = await buildOne(entry, arch, toolchain, entry.cgo ? compiler : '', progress);
    const name = goRelease === undefined ? entry.name : `${entry.name}-go${goRelease}`;
    const path = join(folder, name);
    const temporary = join(folder, `.${name}.${process.pid}`);
    await copyFile(built, temporary);
    await chmod(temporary, 0o755);
    // A rename, because the old program may be running.
    await rename(temporary, path);
    paths.push(path);
  }
  return paths;
}

/** Builds every program by every Go release that Sonde has tables for, and by the default one. */
export async function buildEveryWorkload(
  architecture: Architecture,
  progress: Progress,
): Promise<void> {
  await buildWorkloads({ architecture, progress });
  for (const goRelease of Object.keys(goReleases)) {
    await buildWorkloads({ architecture, goRelease, progress });
  }
}
