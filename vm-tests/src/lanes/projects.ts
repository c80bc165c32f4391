/**
 * Projects by the words that people and tasks name them with.
 *
 * The fact readers get wrong: a project's name is the short one of its package.json's `nx` key, and
 * a word may be a name, a folder below packages, or any path.
 */
import { existsSync, readFileSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { UsageError } from '../command-line.js';
import { workspaceRoot } from './objects.js';

/** A project's absolute folder and its short name. */
export interface ProjectFolder {
  readonly folder: string;
  readonly name: string;
}

/** The name of a project: of the key `nx`, or the last part of the package's own. */
function projectName(folder: string): string {
  const manifest = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as {
    name?: string;
    nx?: { name?: string };
  };
  return manifest.nx?.name ?? basename(manifest.name ?? folder);
}

/**
 * Returns the named projects, or every probe of the workspace. Throws UsageError for a word that is
 * no folder with a package.json, from here, from the workspace's root or below its packages.
 */
export async function projectFolders(words: readonly string[]): Promise<ProjectFolder[]> {
  const packages = join(workspaceRoot, 'packages');
  const probes = async (): Promise<string[]> =>
    (await readdir(packages)).filter(name => name.startsWith('probe-'));
  const wanted = words.length > 0 ? words : await probes();
  return wanted.map(word => {
    const tries = ['', workspaceRoot, packages].map(place => resolve(place, word));
    const folder = tries.find(each => existsSync(join(each, 'package.json')));
    if (folder === undefined) throw new UsageError(`run tests of ${word}: no such project`);
    return { folder, name: projectName(folder) };
  });
}
