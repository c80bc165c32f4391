/**
 * Runs Nx targets as one step and follows them.
 * What a reader would get wrong: a pattern of projects that matches nothing makes Nx exit 0, so what
 * ran is read from its output and returned; callers that need a project look for it there.
 */
import { runStep } from './steps.mjs';

/**
 * @typedef {object} NxRun
 * @property {string[]} done targets that succeeded, such as `core:build`, cached ones included
 * @property {string[]} failed targets that failed
 * @property {number} code Nx's exit code
 * @property {string} log full path of the log
 */

// Static output prints one line per finished task: a mark, `nx run project:target`, notes.
const FINISHED = /^\s*(?:✔|✖)?\s*(?:nx run )([\w@/.-]+:[\w-]+)(.*)$/;

/**
 * Reads one line of Nx's static output.
 *
 * @param {string} line
 * @returns {{ target: string, cached: boolean, failed: boolean } | undefined}
 */
export function parseNxLine(line) {
  // eslint-disable-next-line no-control-regex -- colours are escape sequences, and nothing else is.
  const plain = line.replaceAll(/\u001b\[[0-9;]*m/g, '');
  const match = FINISHED.exec(plain.replace(/^>\s*/, ''));
  if (match === null) return undefined;
  const [, target = '', rest = ''] = match;
  return { target, cached: /\bcache\b/.test(rest), failed: plain.includes('✖') };
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
  const run = await runStep('npx', ['nx', ...args, '--outputStyle=static'], {
    log: options.log,
    next: options.next,
    okCodes: options.keepGoing === true ? [0, 1, 130] : [0],
    env: { NX_TUI: 'false', NO_COLOR: '1', FORCE_COLOR: '0', ...options.env },
    onLine: line => {
      const seen = parseNxLine(line);
      if (seen === undefined) return;
      (seen.failed ? failed : done).add(seen.target);
      options.note(seen.target);
    },
  });
  for (const target of failed) done.delete(target);
  return { done: [...done], failed: [...failed], code: run.code, log: run.log };
}
