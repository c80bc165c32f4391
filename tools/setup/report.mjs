/**
 * Counts what tests printed. What a reader would get wrong: only leaves count. A test with three
 * assertions is three, and the line `ok - file.test.js` that wraps them is none; a file that ended
 * without a plan, or printed nothing, is a failure even though no line says `not ok`.
 */
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from './steps.mjs';

/** @typedef {{ passed: number, failed: number, skipped: number }} Counts */
/** @typedef {{ project: string, file: string, counts: Counts, failures: string[] }} FileCounts */

/** Folders below a project's out: unit tests, and kernel tests with one file for each cell. */
const RESULTS = ['unit', 'tap'];

/**
 * Counts the assertions of one TAP stream.
 *
 * @param {string} text
 * @returns {Promise<{ counts: Counts, failures: string[] }>} `failures`: names of failed assertions
 */
export async function countTap(text) {
  const { Parser } = await import('tap-parser');
  const counts = { passed: 0, failed: 0, skipped: 0 };
  /** @type {string[]} */
  const failures = [];
  const parser = new Parser();
  parser.on('pass', () => counts.passed++);
  parser.on('skip', () => counts.skipped++);
  // A test marked as to be written counts as skipped: it has shown nothing.
  parser.on('todo', () => counts.skipped++);
  parser.on('fail', result => {
    counts.failed++;
    failures.push(result.fullname === '' ? result.name : `${result.fullname} > ${result.name}`);
  });
  const final = await new Promise(resolve => {
    parser.on('complete', resolve);
    parser.end(text);
  });
  if (!final.ok && counts.failed === 0) {
    counts.failed++;
    failures.push('the stream ended early, or its plan does not match');
  }
  return { counts, failures };
}

/**
 * @param {string} folder
 * @returns {string[]} its TAP files, sorted
 */
function tapFiles(folder) {
  if (!existsSync(folder)) return [];
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8' });
  return names
    .filter(name => name.endsWith('.tap'))
    .sort()
    .map(name => join(folder, name));
}

/**
 * Forgets earlier results. Nx restores those of targets that it answers from its cache, so what is
 * counted afterwards belongs to the present sources.
 *
 * @param {Record<string, string>} roots project name → folder from the repository's root
 */
export function clearTap(roots) {
  for (const root of Object.values(roots)) {
    for (const folder of RESULTS) {
      rmSync(join(ROOT, root, 'out', folder), { recursive: true, force: true });
    }
  }
}

/**
 * Counts the TAP files of every project.
 *
 * @param {Record<string, string>} roots project name → folder from the repository's root
 * @returns {Promise<FileCounts[]>}
 */
export async function countProjects(roots) {
  const counted = [];
  for (const [project, root] of Object.entries(roots)) {
    for (const file of RESULTS.flatMap(folder => tapFiles(join(ROOT, root, 'out', folder)))) {
      const { counts, failures } = await countTap(readFileSync(file, 'utf8'));
      counted.push({ project, file, counts, failures });
    }
  }
  return counted;
}

/**
 * Adds counts up.
 *
 * @param {readonly Counts[]} all
 * @returns {Counts}
 */
export function sumCounts(all) {
  const sum = { passed: 0, failed: 0, skipped: 0 };
  for (const { passed, failed, skipped } of all) {
    sum.passed += passed;
    sum.failed += failed;
    sum.skipped += skipped;
  }
  return sum;
}

/**
 * The line that ends `npm test` and `.ci/run`.
 *
 * @param {Counts} counts
 * @returns {string} such as `12 passed, 0 failed, 1 skipped`
 */
export function summaryLine({ passed, failed, skipped }) {
  return `${passed} passed, ${failed} failed, ${skipped} skipped`;
}
