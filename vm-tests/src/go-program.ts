/**
 * Builds one Go program for an architecture by a Go release, or finds it in the cache.
 *
 * The cache is keyed by the sources, the release, the build's flags and the C compiler, so an
 * unchanged program costs a copy, and its toolchain is not even fetched. The facts readers get
 * wrong: `GOTOOLCHAIN=X go build` may silently use another Go, so each release's own `bin/go` runs,
 * and its version has to be found in what it built; sources are copied out of the repository first,
 * because only some releases look for it and only some know the flag that forbids it.
 */
import { cp, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  cacheRoot,
  cached,
  contentKey,
  exists,
  goEnvironment,
  goReleases,
  run,
  type GoToolchain,
  type Progress,
} from '@sonde/toolchain';
import type { Libraries } from './libraries.js';
import type { Architecture, GoBuild } from './matrix.js';
import type { Musl } from './musl.js';

/** A build that differs in its C half as well. */
export interface WorkloadBuild extends GoBuild {
  /** Further flags of the C compiler. */
  readonly cFlags?: readonly string[];
  /** Built against musl instead of the machine's own C library. */
  readonly musl?: boolean;
}

/** A build as the toolchain makes it, which adds nothing to a program's name. */
export const PLAIN: GoBuild = { name: 'plain', set: 'fast', flags: [] };

/** What a program is made of. */
export interface GoSources {
  /** Place in the module that is built → path of the file here. */
  readonly files: ReadonlyMap<string, string>;
  /** Where its main package lies in the module: `.` or `./NAME`. */
  readonly main: string;
}

/** One program in one build. */
export interface GoProgramRequest {
  readonly name: string;
  readonly cgo: boolean;
  readonly sources: GoSources;
  readonly architecture: Architecture;
  /** Release line. */
  readonly release: string;
  readonly build: WorkloadBuild;
  readonly musl?: Musl | undefined;
  /** What the C compiler says of itself; empty for programs without C. */
  readonly compiler: string;
  readonly libraries?: Libraries | undefined;
  /** Finds the toolchain; called only when something has to be built. */
  readonly toolchain: () => Promise<GoToolchain>;
  readonly progress: Progress;
}

/**
 * Returns the path of the program in the cache, after building it where it is not there. Throws
 * CommandError with the compiler's words.
 */
export async function buildGoProgram(request: GoProgramRequest): Promise<string> {
  const { name, architecture: arch, release, build, compiler, libraries } = request;
  const parts: (string | Uint8Array)[] = [arch.goarch, compiler, ...build.flags];
  if (libraries !== undefined) parts.push(libraries.key);
  parts.push(...(build.cFlags ?? []), ...(request.musl === undefined ? [] : [request.musl.key]));
  for (const [place, path] of request.sources.files) parts.push(place, await readFile(path));
  const nameFor = (version: string): string =>
    `${name}-${arch.name}-${version}-${build.name}-${contentKey([version, ...parts])}`;
  const pinned = nameFor(`go${goReleases[release] ?? ''}`);
  if (await exists(join(cacheRoot(), 'workload', pinned))) {
    return join(await cached('workload', pinned, async () => undefined), name);
  }
  const toolchain = await request.toolchain();
  const folder = await cached('workload', nameFor(toolchain.version), directory =>
    compile(request, toolchain, directory),
  );
  return join(folder, name);
}

async function compile(
  request: GoProgramRequest,
  toolchain: GoToolchain,
  directory: string,
): Promise<void> {
  const { name, architecture: arch, build, progress } = request;
  const how = build.name === PLAIN.name ? '' : `, ${build.name}`;
  progress(`building ${name} for ${arch.name} with ${toolchain.version}${how}`);
  const { files, main } = request.sources;
  const sources = join(directory, 'sources');
  for (const [place, path] of files) await cp(path, join(sources, place));
  const output = join(directory, name);
  const specs = join(sources, 'musl.specs');
  if (request.musl !== undefined) await writeFile(specs, request.musl.specs);
  const { cFlags } = build;
  // The build of a fixture never makes the machine slow for whoever works on it.
  const command = [toolchain.go, 'build', ...build.flags, '-o', output, main];
  await run('nice', command, {
    cwd: sources,
    env: {
      ...goEnvironment(toolchain),
      GOOS: 'linux',
      GOARCH: arch.goarch,
      CGO_ENABLED: request.cgo ? '1' : '0',
      CC: request.musl === undefined ? arch.compiler : `${arch.compiler} -specs=${specs}`,
      ...(cFlags !== undefined && { CGO_CFLAGS: ['-g', '-O2', ...cFlags].join(' ') }),
      ...request.libraries?.env,
    },
    what: `build workload ${name} for ${arch.name} with ${toolchain.version}${how}`,
  });
  await rm(sources, { recursive: true });
  // Not `go version`: the oldest one misreads stripped arm64 PIE programs, whose pointers are zero.
  if (!(await readFile(output)).includes(toolchain.version)) {
    throw new Error(`build workload ${name}: it was not built by ${toolchain.version}`);
  }
}
