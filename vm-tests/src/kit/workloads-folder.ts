/**
 * Where the programs lie that tests start, on the host and in a guest: those that the test's own
 * package brings, and Sonde's.
 *
 * The fact readers get wrong: the runner decides it, by SONDE_OWN_WORKLOADS and SONDE_WORKLOADS;
 * the folders in here are only for tests that are run by hand, from their package's folder.
 */
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { cellInfo } from './cell.js';

/** Returns the folder in which Sonde's programs of this architecture lie. */
export function workloadsFolder(): string {
  const built = fileURLToPath(new URL(`../workloads/${cellInfo().arch}`, import.meta.url));
  return process.env['SONDE_WORKLOADS'] ?? built;
}

/**
 * Returns where a program of that file name lies: in the test's own package where that brings one,
 * else among Sonde's, whether it is there or not.
 */
export function programPath(name: string): string {
  const folder = process.env['SONDE_OWN_WORKLOADS'] ?? resolve('out/workloads', cellInfo().arch);
  const own = join(folder, name);
  return existsSync(own) ? own : join(workloadsFolder(), name);
}
