/**
 * What a test or a job needs beside its own code: BPF objects, workloads, and the `sonde` program.
 *
 * All of it is taken from what was built (dist), never from sources. The fact readers get wrong:
 * the program is brought into a guest as the same tree of files, not as one bundle, so that probes
 * are found there by their package.json as anywhere else.
 */
import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { basename, join, relative } from 'node:path';
import type { PayloadFile } from '../guest/payload.js';
import { packageRoot, type Architecture } from '../matrix.js';
import {
  dependencyFolder,
  inWorkspace,
  ownPackage,
  probePackages,
  readManifest,
  sondeProgram,
  workspaceRoot,
} from '../surroundings.js';

/** Found by the guest in its own /node_modules. */
const IN_USERLAND = new Set(['koffi', 'iced-x86', 'gecko-profiler-demangle']);

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
  const all = new Set([...probePackages(), ...folders]);
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

async function builtFiles(folder: string, to: string): Promise<PayloadFile[]> {
  const all = await readdir(folder, { recursive: true, withFileTypes: true });
  return all
    .filter(entry => entry.isFile())
    .map(entry => join(entry.parentPath, entry.name))
    .filter(path => /\.(?:c?js|mjs|json|wasm|bpf\.o)$/.test(path) && !/\.test\.js$/.test(path))
    .filter(path => !path.includes('/node_modules/', folder.length))
    .map(path => ({ from: path, to: join(to, relative(folder, path)) }));
}

/** Where {@link programFiles} puts the program `sonde`, below its folder. */
export const PROGRAM = 'node_modules/@sonde/cli/dist/main.js';

/** The packages that the program is made of, before what they depend on. */
async function programPackages(): Promise<string[]> {
  if (!inWorkspace) return [ownPackage('cli') ?? '', ...probePackages()];
  const packages = join(workspaceRoot, 'packages');
  const folders = (await readdir(packages)).map(name => join(packages, name));
  return folders.filter(folder => existsSync(join(folder, 'dist')));
}

/** The files of a package that run: what was built of ours, all code of the others. */
async function packageFiles(folder: string, own: boolean, to: string): Promise<PayloadFile[]> {
  if (!own) return builtFiles(folder, to);
  const files = await builtFiles(join(folder, 'dist'), join(to, 'dist'));
  // Resources that a package names in its own folder, such as JSON Schema files.
  const extra = (await readdir(folder)).filter(name => /\.schema\.json$/.test(name));
  for (const name of ['package.json', ...extra]) {
    files.push({ from: join(folder, name), to: join(to, name) });
  }
  return files;
}

/**
 * Returns the `sonde` program as files under `folder`: a node_modules with the command line, the
 * probes, and everything that they depend on at run time. Empty when there is no command line.
 */
export async function programFiles(folder: string): Promise<PayloadFile[]> {
  const program = sondeProgram();
  if (program === undefined || !existsSync(program)) return [];
  const files: PayloadFile[] = [];
  /** Folder of each package that has a place → its place under `folder`. */
  const places = new Map<string, string>();
  const queue: string[] = [];
  const add = async (source: string, own: boolean): Promise<void> => {
    if (places.has(source)) return;
    const { name } = readManifest(source);
    // What npm nested in a package stays in it.
    const owner = source.slice(0, -`/node_modules/${name}`.length);
    const place = join(places.get(owner) ?? '', 'node_modules', name);
    places.set(source, place);
    queue.push(source);
    files.push(...(await packageFiles(source, own, join(folder, place))));
  };
  for (const source of await programPackages()) await add(source, true);
  for (let source = queue.shift(); source !== undefined; source = queue.shift()) {
    for (const name of Object.keys(readManifest(source).dependencies ?? {})) {
      if (IN_USERLAND.has(name)) continue;
      const found = dependencyFolder(source, name);
      if (!found) throw new Error(`pack sonde: ${name}, needed by ${basename(source)}, is missing`);
      await add(found, name.startsWith('@sonde/'));
    }
  }
  return files;
}
