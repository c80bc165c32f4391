/**
 * What a test or a job needs beside its own code: BPF objects, workloads, and the `sonde` program.
 *
 * All of it is taken from what was built (dist), never from sources. The fact readers get wrong:
 * the program is brought into a guest as the same tree of files, not as one bundle, so that probes
 * are found there by their package.json as anywhere else.
 */
import { existsSync, readFileSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { basename, dirname, join, relative } from 'node:path';
import type { PayloadFile } from '../guest/payload.js';
import { packageRoot, type Architecture } from '../matrix.js';

/** The repository's root: the folder above this package. */
export const workspaceRoot = dirname(packageRoot.replace(/\/$/, ''));

/** Found by the guest in its own /node_modules. */
const IN_USERLAND = new Set(['koffi', 'iced-x86', 'gecko-profiler-demangle']);

interface Manifest {
  readonly name: string;
  readonly dependencies?: Readonly<Record<string, string>>;
}

/**
 * Returns the BPF objects of every package, and of the suites in `folders` wherever they lie, for
 * one architecture, to appear in `folder`.
 */
export async function objectFiles(
  arch: Architecture,
  folder: string,
  folders: readonly string[] = [],
): Promise<PayloadFile[]> {
  const found: PayloadFile[] = [];
  const packages = await readdir(join(workspaceRoot, 'packages'));
  const all = new Set([...packages.map(name => join(workspaceRoot, 'packages', name)), ...folders]);
  for (const place of all) {
    const bpf = join(place, 'dist/bpf');
    if (!existsSync(bpf)) continue;
    for (const file of await readdir(bpf)) {
      if (!file.endsWith(`.${arch.bpf}.bpf.o`)) continue;
      found.push({ from: join(bpf, file), to: join(folder, file) });
    }
  }
  return found;
}

/** Returns the folder of workloads that were built for one architecture. */
export function workloadFolder(arch: Architecture): string {
  return join(packageRoot, 'dist/workloads', arch.bpf);
}

/** Returns the workloads that were built for one architecture, to appear in `folder`. */
export async function workloadFiles(arch: Architecture, folder: string): Promise<PayloadFile[]> {
  const from = workloadFolder(arch);
  if (!existsSync(from)) return [];
  return (await readdir(from)).map(name => ({ from: join(from, name), to: join(folder, name) }));
}

function readManifest(folder: string): Manifest {
  return JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as Manifest;
}

/** Looks a dependency up as Node does: in each node_modules on the way to the root. */
function dependencyFolder(from: string, name: string): string | undefined {
  for (let folder = from; folder.startsWith(workspaceRoot); folder = dirname(folder)) {
    const candidate = join(folder, 'node_modules', name);
    if (existsSync(join(candidate, 'package.json'))) return candidate;
  }
  return undefined;
}

async function builtFiles(folder: string, to: string): Promise<PayloadFile[]> {
  const all = await readdir(folder, { recursive: true, withFileTypes: true });
  return all
    .filter(entry => entry.isFile())
    .map(entry => join(entry.parentPath, entry.name))
    .filter(path => /\.(?:c?js|mjs|json|wasm|bpf\.o)$/.test(path) && !/\.test\.js$/.test(path))
    .filter(path => !path.includes('/node_modules/', folder.length))
    .map(path => ({ from: path, to: join(to, relative(folder, path)) }));
}

/**
 * Returns the `sonde` program as files under `folder`: every built package, and the packages of
 * node_modules that they depend on at run time. Empty when the command line was not built.
 */
export async function programFiles(folder: string): Promise<PayloadFile[]> {
  if (!existsSync(join(workspaceRoot, 'packages/cli/dist/main.js'))) return [];
  const files: PayloadFile[] = [];
  const queue: string[] = [];
  for (const name of await readdir(join(workspaceRoot, 'packages'))) {
    const source = join(workspaceRoot, 'packages', name);
    if (!existsSync(join(source, 'dist'))) continue;
    const manifest = readManifest(source);
    const tree = await builtFiles(join(source, 'dist'), 'dist');
    tree.push({ from: join(source, 'package.json'), to: 'package.json' });
    // Other resources that a package names in its own folder, such as JSON Schema files.
    for (const extra of await readdir(source)) {
      if (/\.schema\.json$/.test(extra)) tree.push({ from: join(source, extra), to: extra });
    }
    for (const place of [`packages/${name}`, `node_modules/${manifest.name}`]) {
      files.push(...tree.map(f => ({ from: f.from, to: join(folder, place, f.to) })));
    }
    queue.push(source);
  }
  files.push({ from: join(workspaceRoot, 'package.json'), to: join(folder, 'package.json') });
  files.push(...(await thirdParty(queue, folder)));
  return files;
}

/**
 * Where a third-party package goes: beside each copy of the package of ours that it is nested in.
 */
function placesOf(path: string): string[] {
  const nested = /^packages\/([^/]+)\/(node_modules\/.*)$/.exec(path);
  if (nested === null) return [path];
  const { name } = readManifest(join(workspaceRoot, 'packages', nested[1] ?? ''));
  return [path, join('node_modules', name, nested[2] ?? '')];
}

async function thirdParty(sources: readonly string[], folder: string): Promise<PayloadFile[]> {
  const files: PayloadFile[] = [];
  const queue = [...sources];
  const seen = new Set<string>();
  for (let source = queue.pop(); source !== undefined; source = queue.pop()) {
    for (const name of Object.keys(readManifest(source).dependencies ?? {})) {
      if (name.startsWith('@sonde/') || IN_USERLAND.has(name)) continue;
      const found = dependencyFolder(source, name);
      if (!found) throw new Error(`pack sonde: ${name}, needed by ${basename(source)}, is missing`);
      if (seen.has(found)) continue;
      seen.add(found);
      queue.push(found);
      // A package of ours lies in two places here, and what npm nested in it has to be in both.
      for (const place of placesOf(relative(workspaceRoot, found))) {
        files.push(...(await builtFiles(found, join(folder, place))));
      }
    }
  }
  return files;
}
