/**
 * Where a suite's results lie, and writing them: TAP as it came, JUnit XML made of it, and the
 * cell's part of the compatibility report.
 *
 * The fact readers get wrong: results of places that a run does not have are left alone, because
 * they may have come out of a cache.
 */
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { forgetCells, keepCell } from '../report/keep-cell.js';
import type { TestSuite } from './bundle.js';
import { junitXml } from './junit.js';
import type { SuiteVerdict } from './verdict.js';

/** Where a project's TAP output of one place lies; `npm test` counts what it finds there. */
export function tapPath(folder: string, place: string): string {
  return join(folder, 'out/tap', `${place}.tap`);
}

/** Where the same results lie as JUnit XML. */
export function junitPath(folder: string, place: string): string {
  return join(folder, 'out/junit', `${place}.xml`);
}

/** Removes what earlier runs in these places have left. */
export async function forgetResults(folder: string, places: readonly string[]): Promise<void> {
  for (const place of places) {
    await rm(tapPath(folder, place), { force: true });
    await rm(junitPath(folder, place), { force: true });
  }
  await forgetCells(folder, places);
}

async function write(path: string, text: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, text);
}

/** Keeps what a suite printed in one place, and returns the path of its TAP output. */
export async function keepResults(
  suite: TestSuite,
  verdict: SuiteVerdict,
  lines: readonly string[],
  run: { readonly kernel: string; readonly outDir: string },
): Promise<string> {
  const path = tapPath(suite.folder, verdict.cell);
  await write(path, `${lines.join('\n')}\n`);
  await write(junitPath(suite.folder, verdict.cell), junitXml(verdict, lines));
  await keepCell(suite, verdict, lines, run);
  return path;
}
