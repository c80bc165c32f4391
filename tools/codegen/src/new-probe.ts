/**
 * The files of a new probe. What a reader would get wrong: their text lies in
 * `generators/probe.mjs`, which `nx g` loads before anything is built.
 */
import { existsSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { repositoryRoot, type GeneratedFile } from './generate.js';

interface ProbeGenerator {
  probeFiles(name: string, layout: 'workspace' | 'package'): Record<string, string>;
}

/**
 * The files of a probe called `name`: in Sonde's repository a folder of `packages`, anywhere else a
 * package of its own in the folder `name` of `folder`. Throws TypeError for a name that is not
 * kebab case, and Error where one of the files exists.
 */
export async function newProbe(folder: string, name: string): Promise<GeneratedFile[]> {
  const url = new URL('../generators/probe.mjs', import.meta.url);
  const { probeFiles } = (await import(url.href)) as ProbeGenerator;
  const repository = repositoryRoot(folder);
  const inside = existsSync(join(repository, 'packages/core/bpf/sonde.bpf.h'));
  const root = inside ? repository : folder;
  const texts = probeFiles(name, inside ? 'workspace' : 'package');
  const files = Object.entries(texts).map(([path, text]) => ({
    path: resolve(root, path),
    text,
  }));
  const taken = files.find(({ path }) => existsSync(path));
  if (taken !== undefined) {
    const error = new Error(`make probe ${name}: ${relative(root, taken.path)} exists already`);
    throw Object.assign(error, { hint: 'choose another name, or remove that folder' });
  }
  return files;
}
