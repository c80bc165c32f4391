/**
 * Where the programs lie that tests start, on the host and in a guest.
 *
 * The fact readers get wrong: the runner decides it, by SONDE_WORKLOADS; the folder beside this
 * package's own code is only for tests that are run by hand.
 */
import { fileURLToPath } from 'node:url';
import { cellInfo } from './cell.js';

/** Returns the folder in which the programs of this architecture lie. */
export function workloadsFolder(): string {
  const built = fileURLToPath(new URL(`../workloads/${cellInfo().arch}`, import.meta.url));
  return process.env['SONDE_WORKLOADS'] ?? built;
}
