/**
 * Where this package is installed, and the packages around it: Sonde's own workspace, or the
 * node_modules of somebody else's probe.
 *
 * The fact readers get wrong: outside of the workspace the project is the package around the
 * current folder, and Sonde's packages may lie in a node_modules far above it, or be links.
 */
import { existsSync, readFileSync, readdirSync, realpathSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { packageRoot } from './matrix.js';

/** What is read of a package.json. */
export interface Manifest {
  readonly name: string;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly nx?: { readonly name?: string };
  readonly sonde?: {
    /** The module that exports the probe. */
    readonly probe?: string;
    /** Programs that the probe's tests start; all of them where it is left out. */
    readonly workloads?: readonly string[];
    /** Go releases whose programs the tests go through; all of them where it is left out. */
    readonly goReleases?: readonly string[];
  };
}

const above = dirname(packageRoot.replace(/\/$/, ''));

/** Whether this package lies in Sonde's repository. */
export const inWorkspace = existsSync(join(above, 'packages/core/bpf/sonde.bpf.h'));

/** The repository's root; elsewhere the nearest folder with a package.json, upwards from here. */
export const workspaceRoot = inWorkspace ? above : projectAround(process.cwd());

/** Where runs leave their files: this package's `out`, elsewhere that of the project. */
export const outRoot = join(inWorkspace ? packageRoot : workspaceRoot, 'out');

function projectAround(folder: string): string {
  for (let at = folder; ; at = dirname(at)) {
    if (existsSync(join(at, 'package.json'))) return at;
    if (dirname(at) === at) return folder;
  }
}

/** The package.json of a folder. Throws where there is none, or it is not JSON. */
export function readManifest(folder: string): Manifest {
  return JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as Manifest;
}

/** Looks a dependency up as Node does, in each node_modules on the way up; links are followed. */
export function dependencyFolder(from: string, name: string): string | undefined {
  for (let folder = from; ; folder = dirname(folder)) {
    const candidate = join(folder, 'node_modules', name);
    if (existsSync(join(candidate, 'package.json'))) return realpathSync(candidate);
    if (dirname(folder) === folder) return undefined;
  }
}

/** The folder of one of Sonde's packages, such as `cli`; undefined where it is not installed. */
export function ownPackage(name: string): string | undefined {
  if (inWorkspace) return join(workspaceRoot, 'packages', name);
  const full = `@sonde/${name}`;
  return dependencyFolder(workspaceRoot, full) ?? dependencyFolder(packageRoot, full);
}

/** The program `sonde`, or where it would be once it was built. */
export function sondeProgram(): string | undefined {
  const cli = ownPackage('cli');
  return cli === undefined ? undefined : join(cli, 'dist/main.js');
}

/**
 * Folders of the packages that may hold probes: those of the workspace; elsewhere the project, and
 * what it depends on that says so in its package.json.
 */
export function probePackages(): string[] {
  const folders = inWorkspace
    ? readdirSync(join(workspaceRoot, 'packages')).map(name =>
        join(workspaceRoot, 'packages', name),
      )
    : [workspaceRoot, ...dependenciesOf(workspaceRoot)];
  return folders.filter(
    folder =>
      existsSync(join(folder, 'package.json')) && readManifest(folder).sonde?.probe !== undefined,
  );
}

function dependenciesOf(folder: string): string[] {
  const names = Object.keys(readManifest(folder).dependencies ?? {});
  return names.flatMap(name => dependencyFolder(folder, name) ?? []);
}
