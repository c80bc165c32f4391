/**
 * Programs that a package brings for its own tests to trace: each folder below its `workloads`, in
 * Go or in C.
 *
 * The facts readers get wrong: they are built into the package's `out`, not beside Sonde's own, so
 * that two packages may use one name; and a Go program without a go.mod is a member of the module
 * that Sonde's own workloads are, which has the package `line`.
 */
import { existsSync } from 'node:fs';
import { mkdir, readFile, readdir, rm } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { cached, contentKey, goToolchain, run, type Progress } from '@sonde/toolchain';
import { PLAIN, buildGoProgram, type GoSources } from './go-program.js';
import type { PayloadFile } from './guest/payload.js';
import { packageRoot, type Architecture } from './matrix.js';
import {
  compilerVersion,
  defaultGoRelease,
  listWorkloads,
  placeProgram,
  sharedModule,
} from './workloads.js';

/** A program of a package: the folder of its sources, and their paths from there, sorted. */
export interface OwnWorkload {
  readonly name: string;
  readonly folder: string;
  readonly language: 'go' | 'c';
  readonly files: readonly string[];
}

/** Where a package's own programs lie once they are built for an architecture. */
export function ownWorkloadFolder(packageFolder: string, { bpf }: Architecture): string {
  return join(packageFolder, 'out/workloads', bpf);
}

function languageOf(files: readonly string[]): OwnWorkload['language'] | undefined {
  const hasTop = (ending: string): boolean =>
    files.some(file => file.endsWith(ending) && !file.includes('/'));
  if (hasTop('.go')) return 'go';
  return hasTop('.c') ? 'c' : undefined;
}

async function openWorkload(packageFolder: string, name: string): Promise<OwnWorkload> {
  const folder = join(packageFolder, 'workloads', name);
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries
    .filter(entry => entry.isFile())
    .map(entry => relative(folder, join(entry.parentPath, entry.name)))
    .sort();
  const language = languageOf(files);
  const fails = (what: string, hint: string): Error =>
    Object.assign(new Error(`build workload ${name} of ${packageFolder}: ${what}`), { hint });
  if (language === undefined) {
    throw fails(
      `no .go and no .c file in workloads/${name}`,
      'each folder below workloads is one program, in Go or in C',
    );
  }
  if ((await listWorkloads()).some(each => each.name === name)) {
    throw fails('Sonde has a workload of that name', `rename the folder workloads/${name}`);
  }
  return { name, folder, language, files };
}

/**
 * The programs that a package brings, by name; none without a folder `workloads`. Throws for a
 * folder in it that holds no program, or has the name of one of Sonde's own, with a `hint`.
 */
export async function ownWorkloads(packageFolder: string): Promise<OwnWorkload[]> {
  const root = join(packageFolder, 'workloads');
  // The folder of that name in this package holds what everybody may trace.
  if (relative(packageRoot, packageFolder) === '' || !existsSync(root)) return [];
  const entries = await readdir(root, { withFileTypes: true });
  const names = entries.filter(each => each.isDirectory() && /^[^._]/.test(each.name));
  return Promise.all(names.map(({ name }) => openWorkload(packageFolder, name))).then(all =>
    all.sort((a, b) => a.name.localeCompare(b.name)),
  );
}

async function goSources({ name, folder, files }: OwnWorkload): Promise<GoSources> {
  if (files.includes('go.mod')) {
    return { files: new Map(files.map(file => [file, join(folder, file)])), main: '.' };
  }
  const own = files.map(file => [join(name, file), join(folder, file)] as const);
  return { files: new Map([...(await sharedModule()), ...own]), main: `./${name}` };
}

async function usesC({ folder, files }: OwnWorkload): Promise<boolean> {
  const sources = files.filter(file => file.endsWith('.go'));
  const texts = await Promise.all(sources.map(file => readFile(join(folder, file), 'utf8')));
  return texts.some(text => /^\s*(?:import\s+)?"C"\s*$/m.test(text));
}

async function buildGo(
  workload: OwnWorkload,
  architecture: Architecture,
  progress: Progress,
): Promise<string> {
  const { name } = workload;
  const [sources, cgo, release] = await Promise.all([
    goSources(workload),
    usesC(workload),
    defaultGoRelease(),
  ]);
  return buildGoProgram({
    ...{ name, cgo, sources, architecture, release, build: PLAIN, progress },
    compiler: cgo ? await compilerVersion(architecture) : '',
    toolchain: () => goToolchain(release, progress),
  });
}

/** Frame pointers stay away, as in most libraries; the symbols name the functions in a stack. */
const C_FLAGS = ['-O2', '-g', '-pthread'];

async function buildC(
  { name, folder, files }: OwnWorkload,
  architecture: Architecture,
  progress: Progress,
): Promise<string> {
  const parts: (string | Uint8Array)[] = [await compilerVersion(architecture), ...C_FLAGS];
  for (const file of files) parts.push(file, await readFile(join(folder, file)));
  const key = `${name}-${architecture.name}-c-${contentKey(parts)}`;
  const built = await cached('workload', key, async directory => {
    progress(`building ${name} for ${architecture.name} with ${architecture.compiler}`);
    const sources = files.filter(file => file.endsWith('.c'));
    // Sources are named as their author sees them, and so in the compiler's complaints.
    const args = [...C_FLAGS, '-I.', '-o', join(directory, name), ...sources, '-lm'];
    await run(architecture.compiler, args, {
      cwd: folder,
      what: `build workload ${name} for ${architecture.name}`,
    });
  });
  return join(built, name);
}

/**
 * Builds a package's own programs for an architecture and returns their paths; what was built of
 * folders that are gone is removed. Throws CommandError with the compiler's words.
 */
export async function buildOwnWorkloads(
  packageFolder: string,
  architecture: Architecture,
  progress: Progress,
): Promise<string[]> {
  const workloads = await ownWorkloads(packageFolder);
  const folder = ownWorkloadFolder(packageFolder, architecture);
  const names = new Set(workloads.map(each => each.name));
  for (const name of existsSync(folder) ? await readdir(folder) : []) {
    // One that begins with a dot is being put there by another run.
    if (!names.has(name) && !name.startsWith('.'))
      await rm(join(folder, name), { recursive: true, force: true });
  }
  const paths: string[] = [];
  for (const workload of workloads) {
    await mkdir(folder, { recursive: true });
    const build = workload.language === 'go' ? buildGo : buildC;
    const built = await build(workload, architecture, progress);
    paths.push(await placeProgram(built, folder, workload.name));
  }
  return paths;
}

/** What was built of a package's own programs, to appear in `to`. */
export async function ownWorkloadFiles(
  packageFolder: string,
  architecture: Architecture,
  to: string,
): Promise<PayloadFile[]> {
  const folder = ownWorkloadFolder(packageFolder, architecture);
  const names = existsSync(folder) ? await readdir(folder) : [];
  return names.map(name => ({ from: join(folder, name), to: join(to, name) }));
}
