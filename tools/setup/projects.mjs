/**
 * The workspace's projects: short names and folders, read from the package.json files.
 * What a reader would get wrong: this is not Nx's graph. It is read before and without Nx, so that
 * CI can compare what Nx ran with what lies in the folders.
 */
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from './steps.mjs';

/** @returns {Record<string, string>} project name → folder from the repository's root */
export function projectRoots() {
  const folders = ['bench', 'docs', 'vm-tests'];
  for (const parent of ['packages', 'tools']) {
    for (const name of readdirSync(join(ROOT, parent))) folders.push(join(parent, name));
  }
  /** @type {Record<string, string>} */
  const roots = {};
  for (const folder of folders.sort()) {
    for (const file of ['package.json', 'project.json']) {
      const path = join(ROOT, folder, file);
      if (!existsSync(path)) continue;
      const parsed = JSON.parse(readFileSync(path, 'utf8'));
      roots[parsed.nx?.name ?? parsed.name] = folder;
      break;
    }
  }
  return roots;
}

/** @returns {string[]} the probes' project names, from the folders that hold them */
export function probeProjects() {
  return Object.entries(projectRoots()).flatMap(([name, root]) =>
    root.startsWith('packages/probe-') ? [name] : [],
  );
}
