/**
 * Runs Nx targets as one step and follows them. What a reader would get wrong: a pattern of
 * projects that matches nothing makes Nx exit 0, so what ran is read from its output and returned;
 * callers that need a project look for it there.
 */
import { join } from 'node:path';
import { ROOT, runStep } from './steps.mjs';

const NX = join(ROOT, 'node_modules', '.bin', 'nx');

/**
 * @typedef {object} NxRun
 * @property {string[]} done targets that succeeded, such as `core:build`, cached ones included
 * @property {string[]} failed targets that failed
 * @property {number} code Nx's exit code
 * @property {string} log full path of the log
 */

// Static output heads each finished task with `> nx run project:target  [local cache]`, and names
// those that failed once more at its end, as `- project:target` under "Failed tasks:".
const FINISHED = /^> nx run ([\w@/.-]+:[\w.-]+)/;
const FAILED = /^- ([\w@/.-]+:[\w.-]+)$/;

// What tests say of themselves while they take long: a release is fetched, a guest has got further.
const PROGRESS = /^(?:fetching|building|workloads for|cell) |^[\w.-]+: (?:booting|running )/;

/**
 * Reads one line of Nx's static output.
 *
 * @param {string} line
 * @returns {{ target: string, failed: boolean } | undefined} undefined for all other lines
 */
export function parseNxLine(line) {
  const finished = FINISHED.exec(line)?.[1];
  if (finished !== undefined) return { target: finished, failed: false };
  const failed = FAILED.exec(line)?.[1];
  return failed === undefined ? undefined : { target: failed, failed: true };
}

/**
 * @param {readonly string[]} args after `nx`
 * @param {{ log: string, next: string, note: (text: string) => void, keepGoing?: boolean,
 *   env?: NodeJS.ProcessEnv }} options `keepGoing` returns failures instead of throwing
 * @returns {Promise<NxRun>}
 * @throws {import('./steps.mjs').StepError}
 */
export async function runNx(args, options) {
  /** @type {Set<string>} */
  const done = new Set();
  /** @type {Set<string>} */
  const failed = new Set();
  // Nx itself, not `npx nx`: npm ends on SIGTERM and leaves the program that it started running.
  const run = await runStep(NX, [...args, '--outputStyle=static'], {
    log: options.log,
    next: options.next,
    shows: /\berror\b|\bcannot\b|^- [\w@/.-]+:[\w.-]+$/i,
    okCodes: options.keepGoing === true ? [0, 1, 130] : [0],
    env: { NX_TUI: 'false', NO_COLOR: '1', FORCE_COLOR: '0', ...options.env },
    onLine: line => {
      const seen = parseNxLine(line);
      if (PROGRESS.test(line)) options.note(line);
      if (seen === undefined) return;
      (seen.failed ? failed : done).add(seen.target);
      options.note(seen.target);
    },
  });
  for (const target of failed) done.delete(target);
  return { done: [...done], failed: [...failed], code: run.code, log: run.log };
}
