/**
 * Projects by the words that people and tasks name them with.
 *
 * The fact readers get wrong: a project's name is the short one of its package.json's `nx` key, and
 * a word may be a name, a folder below packages, or any path.
 */
import { existsSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { UsageError } from '../command-line.js';
import { inWorkspace, probePackages, readManifest, workspaceRoot } from '../surroundings.js';

/** A project's absolute folder and its short name. */
export interface ProjectFolder {
  readonly folder: string;
  readonly name: string;
}

/** The name of a project: of the key `nx`, or the last part of the package's own. */
function projectName(folder: string): string {
  const { name, nx } = readManifest(folder);
  return nx?.name ?? basename(name ?? folder);
}

/**
 * Returns the named projects, or every probe of the workspace; outside of it, the project around
 * the current folder. Throws UsageError for a word that is no folder with a package.json, from
 * here, from the workspace's root or below its packages.
 */
export function projectFolders(words: readonly string[]): ProjectFolder[] {
  const ours = (): string[] => (inWorkspace ? probePackages() : [workspaceRoot]);
  const places = ['', workspaceRoot, join(workspaceRoot, 'packages')];
  return (words.length > 0 ? words : ours()).map(word => {
    const tries = places.map(place => resolve(place, word));
    const folder = tries.find(each => existsSync(join(each, 'package.json')));
    if (folder === undefined) throw new UsageError(`run tests of ${word}: no such project`);
    return { folder, name: projectName(folder) };
  });
}
