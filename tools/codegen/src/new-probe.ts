/**
 * The files of a new probe. What a reader would get wrong: their text lies in
 * `generators/probe.mjs`, which `nx g` loads before anything is built.
 */
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { repositoryRoot, shownPath, type GeneratedFile } from './generate.js';

interface ProbeGenerator {
  probeFiles(name: string): Record<string, string>;
}

/**
 * The files of a probe called `name` in the repository around `folder`. Throws TypeError for a name
 * that is not kebab case, and Error where one of the files exists.
 */
export async function newProbe(folder: string, name: string): Promise<GeneratedFile[]> {
  const url = new URL('../generators/probe.mjs', import.meta.url);
  const { probeFiles } = (await import(url.href)) as ProbeGenerator;
  const root = repositoryRoot(folder);
  const files = Object.entries(probeFiles(name)).map(([path, text]) => ({
    path: resolve(root, path),
    text,
  }));
  const taken = files.find(({ path }) => existsSync(path));
  if (taken !== undefined) {
    throw new Error(`make probe ${name}: ${shownPath(taken.path)} exists already`);
  }
  return files;
}
