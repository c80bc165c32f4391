/**
 * Finds probes by the key `sonde.probe` of package.json: the package that holds the current folder,
 * the packages beside this one (a workspace or an installation), node_modules of the current folder
 * and those above it, and a path that the user gives. The fact a reader gets wrong: nothing here
 * knows a probe's name, and finding one imports nothing; its code runs only when it is asked for.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, isAbsolute, join, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { UsageError } from '@sonde/core';
import type { ProbeModule } from '@sonde/core/decode';

/** What a search gives: the module as it was imported, and where it came from. */
export interface FoundProbe {
  /** Name of its package, or the path that was given. */
  readonly package: string;
  readonly module: ProbeModule;
}

interface Manifest {
  readonly name?: string;
  readonly workspaces?: unknown;
  readonly sonde?: { readonly probe?: string };
}

/** Where to look: folders whose children are packages, most trusted first. */
export interface SearchOptions {
  readonly cwd: string;
  /** Packages or files given with `--probe`; they win over what is found. */
  readonly extra?: readonly string[];
  /** Probes that a bundle brings along; nothing is looked for then, but `extra`. */
  readonly bundled?: readonly FoundProbe[];
  /** This package's own folder; default from where this file lies. */
  readonly home?: string;
}

/** All probes, by name in alphabetical order. A name that was found twice is the first one. */
export async function findProbes(options: SearchOptions): Promise<FoundProbe[]> {
  const found = new Map<string, FoundProbe>();
  const add = (probe: FoundProbe) => {
    if (!found.has(probe.module.ir.name)) found.set(probe.module.ir.name, probe);
  };
  for (const path of options.extra ?? []) add(await importGiven(path, options.cwd));
  if (options.bundled) options.bundled.forEach(add);
  else for (const entry of findEntries(options)) add(await importEntry(entry.package, entry.file));
  return [...found.values()].sort((a, b) => (a.module.ir.name < b.module.ir.name ? -1 : 1));
}

/** The probe of that name. Throws UsageError with the names that there are. */
export function pickProbe(probes: readonly FoundProbe[], name: string): FoundProbe {
  const found = probes.find(probe => probe.module.ir.name === name);
  if (found) return found;
  const names = probes.map(probe => probe.module.ir.name).join(', ');
  throw new UsageError(`find probe ${name}: there is no such probe`, {
    hint: names === '' ? 'no probe is installed; give one with --probe PATH' : `there is: ${names}`,
  });
}

function findEntries(options: SearchOptions): { package: string; file: string }[] {
  const home = options.home ?? dirname(dirname(fileURLToPath(import.meta.url)));
  const folders = [
    ...(isWorkspace(dirname(dirname(home))) ? [dirname(home)] : []),
    ...modulesAbove(home),
    ...modulesAbove(options.cwd),
  ];
  const entries: { package: string; file: string }[] = [];
  for (const children of [packageAround(options.cwd), ...[...new Set(folders)].map(packagesIn)]) {
    for (const child of children) {
      const manifest = readManifest(child);
      const file = manifest?.sonde?.probe;
      if (typeof file !== 'string') continue;
      const name = manifest?.name ?? child;
      if (entries.some(entry => entry.package === name)) continue;
      entries.push({ package: name, file: join(child, file) });
    }
  }
  return entries;
}

/** The folder of the package that holds a folder, if any: an author's own probe. */
function packageAround(from: string): string[] {
  for (let folder = from; ; folder = dirname(folder)) {
    if (readManifest(folder) !== undefined) return [folder];
    if (dirname(folder) === folder) return [];
  }
}

/** Every `node_modules` from a folder up to the root. */
function modulesAbove(from: string): string[] {
  const folders: string[] = [];
  for (let folder = from; ; folder = dirname(folder)) {
    folders.push(join(folder, 'node_modules'));
    if (dirname(folder) === folder) return folders;
  }
}

/** Package folders in a folder, those of scopes included. */
function packagesIn(folder: string): string[] {
  return childrenOf(folder).flatMap(name =>
    name.startsWith('@')
      ? childrenOf(join(folder, name)).map(scoped => join(folder, name, scoped))
      : [join(folder, name)],
  );
}

function childrenOf(folder: string): string[] {
  try {
    return readdirSync(folder).filter(name => !name.startsWith('.'));
  } catch {
    return []; // a folder that is not there holds no packages
  }
}

function isWorkspace(folder: string): boolean {
  return readManifest(folder)?.workspaces !== undefined;
}

/** The package's manifest, undefined where there is none or it cannot be read as JSON. */
function readManifest(folder: string): Manifest | undefined {
  try {
    return JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as Manifest;
  } catch {
    return undefined;
  }
}

async function importEntry(name: string, file: string): Promise<FoundProbe> {
  let exports: { readonly default?: unknown; readonly probe?: unknown };
  try {
    exports = (await import(pathToFileURL(file).href)) as typeof exports;
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new UsageError(`load probe ${name}: ${why}`, {
      hint: 'is it built? its package.json names the file in sonde.probe',
      cause,
    });
  }
  const module = (exports.default ?? exports.probe) as ProbeModule | undefined;
  if (typeof module?.ir?.name !== 'string' || module.objectBase === undefined) {
    throw new UsageError(`load probe ${name}: ${file} exports no probe`, {
      hint: 'export the generated `probe` as default',
    });
  }
  return { package: name, module };
}

/** `--probe PATH`: a package's folder, or the file that its `sonde.probe` would name. */
async function importGiven(path: string, cwd: string): Promise<FoundProbe> {
  const absolute = isAbsolute(path) ? path : resolve(cwd, path);
  const inside = readManifest(absolute)?.sonde?.probe;
  return importEntry(path, inside === undefined ? absolute : join(absolute, inside));
}
