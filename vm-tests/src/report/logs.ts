/**
 * Puts the logs of a run beside the page, so that each is one click away: for a probe in a cell the
 * whole output of its tests, and what the verifier said of each program that it refused.
 *
 * The fact readers get wrong: only what this machine has run has logs. The record keeps verdicts
 * and reasons of other runs, never their logs.
 */
import { existsSync } from 'node:fs';
import { copyFile, cp, mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { CellResult } from './cell-result.js';

/** Where a log lies, from the page: `logs/PROBE/CELL/NAME`. */
export function logPath(probe: string, cell: string, name: string): string {
  return `logs/${probe}/${cell}/${name}`;
}

/** The whole output of a probe's tests in one cell. */
export const OUTPUT_NAME = 'output.tap';

/** Copies the logs of fresh results, by the folder of their probe; returns what is there now. */
export async function keepLogs(
  fresh: ReadonlyMap<CellResult, string>,
  out: string,
): Promise<ReadonlySet<string>> {
  const kept = new Set<string>();
  await rm(join(out, 'logs'), { recursive: true, force: true });
  for (const [{ probe, cell }, folder] of fresh) {
    const to = join(out, 'logs', probe, cell);
    await mkdir(to, { recursive: true });
    const output = join(folder, 'out/tap', `${cell}.tap`);
    if (existsSync(output)) await copyFile(output, join(to, OUTPUT_NAME));
    const verifier = join(folder, 'out/cells', cell);
    if (existsSync(verifier)) await cp(verifier, to, { recursive: true });
    for (const name of await readdir(to)) kept.add(logPath(probe, cell, name));
  }
  return kept;
}
