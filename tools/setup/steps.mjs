/**
 * Runs one step of a job: its output goes to a log, and its failure says what ran, where the log is
 * and what to do. What a reader would get wrong: children are ended with us. A step that outlived
 * an interrupted `npm start` would hold a lock or a traced program, and the same command would not
 * work again.
 */
import { spawn } from 'node:child_process';
import { createWriteStream, mkdirSync, readFileSync } from 'node:fs';
import { constants } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The repository's folder. */
export const ROOT = fileURLToPath(new URL('../../', import.meta.url));

/** @type {Set<import('node:child_process').ChildProcess>} */
const children = new Set();

/** @type {readonly NodeJS.Signals[]} */
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'];

/** A step that failed: `message` says which, the fields say the rest. */
export class StepError extends Error {
  /**
   * @param {string} message
   * @param {{ ran?: string, log?: string, next?: string, exitCode?: number, cause?: unknown }}
   *   facts
   */
  constructor(message, facts) {
    super(message, { cause: facts.cause });
    this.name = 'StepError';
    /** @type {string | undefined} the command line */
    this.ran = facts.ran;
    /** @type {string | undefined} path of the log, relative to the repository */
    this.log = facts.log;
    /** @type {string | undefined} what the user can do */
    this.next = facts.next;
    /** @type {number} what our own process exits with: 2 asks the user for something */
    this.exitCode = facts.exitCode ?? 1;
  }
}

/** Passes a signal on to every child and leaves; called once at the start of a job. */
export function endChildrenWithUs() {
  for (const name of SIGNALS) {
    process.once(name, () => {
      for (const child of children) child.kill(name === 'SIGHUP' ? 'SIGTERM' : name);
      // Tracers detach and programs end on the signal; leave when they have, or after two seconds.
      const started = Date.now();
      const timer = setInterval(() => {
        if (children.size > 0 && Date.now() - started < 2000) return;
        clearInterval(timer);
        process.exit(128 + constants.signals[name]);
      }, 20);
    });
  }
  process.on('exit', () => {
    for (const child of children) child.kill('SIGKILL');
  });
}

/**
 * Starts a program that {@link endChildrenWithUs} ends with us.
 *
 * @param {string} command
 * @param {readonly string[]} args
 * @param {import('node:child_process').SpawnOptions} options
 * @returns {import('node:child_process').ChildProcess}
 */
export function spawnTracked(command, args, options) {
  const child = spawn(command, args, { cwd: ROOT, ...options });
  children.add(child);
  child.once('close', () => children.delete(child));
  child.once('error', () => children.delete(child));
  return child;
}

/**
 * @typedef {object} StepOptions
 * @property {string} log the log's name, without folder and ending
 * @property {string} next what the user can do when it fails
 * @property {NodeJS.ProcessEnv} [env] added to the environment
 * @property {string} [cwd] the folder to run in, the repository's by default
 * @property {(line: string) => void} [onLine] sees each line of output
 * @property {RegExp} [shows] lines that tell why it failed, where its last ones do not
 * @property {readonly number[]} [okCodes] exit codes that are no failure, 0 by default
 */

/**
 * The lines of a log that tell most, indented, as a failure shows them.
 *
 * @param {string} path
 * @param {RegExp | undefined} shows which lines tell most; the last ones when it matches none
 * @returns {string}
 */
function logExcerpt(path, shows) {
  const lines = readFileSync(path, 'utf8').trimEnd().split('\n');
  const telling = shows === undefined ? [] : lines.filter(line => shows.test(line)).slice(0, 15);
  const shown = telling.length > 0 ? telling : lines.slice(-15);
  return shown.map(line => `    ${line}`).join('\n');
}

/**
 * Runs a command to its end with stdout and stderr in `out/logs/<log>.log`.
 *
 * @param {string} command
 * @param {readonly string[]} args
 * @param {StepOptions} options
 * @returns {Promise<{ code: number, log: string }>} the exit code and the log's full path
 * @throws {StepError} when it cannot start or exits with a code that is not expected
 */
export async function runStep(command, args, options) {
  const path = join(ROOT, 'out', 'logs', `${options.log}.log`);
  mkdirSync(dirname(path), { recursive: true });
  const ran = [command, ...args].join(' ');
  const shown = relative(ROOT, path);
  const stream = createWriteStream(path);
  stream.write(`$ ${ran}\n`);
  const env = { ...process.env, ...options.env };
  const cwd = options.cwd ?? ROOT;
  const child = spawnTracked(command, args, { env, cwd, stdio: ['ignore', 'pipe', 'pipe'] });
  let rest = '';
  for (const source of [child.stdout, child.stderr]) {
    source?.setEncoding('utf8').on('data', chunk => {
      stream.write(chunk);
      const parts = (rest + chunk).split('\n');
      rest = parts.pop() ?? '';
      for (const line of parts) options.onLine?.(line);
    });
  }
  /** @type {{ code: number | null, signal: string | null }} */
  const end = await new Promise((resolve, reject) => {
    child.once('error', cause => {
      reject(new StepError(`run ${command}: ${cause.message}`, { ran, cause, next: options.next }));
    });
    child.once('close', (code, signal) => resolve({ code, signal }));
  });
  if (rest !== '') options.onLine?.(rest);
  await new Promise(resolve => stream.end(() => resolve(undefined)));
  const code = end.code ?? 1;
  if (end.signal === null && (options.okCodes ?? [0]).includes(code)) return { code, log: path };
  const how = end.signal === null ? `exit code ${code}` : `ended by ${end.signal}`;
  throw new StepError(`${command}: ${how}\n${logExcerpt(path, options.shows)}`, {
    ran,
    log: shown,
    next: options.next,
  });
}

/**
 * Prints a failure as its reader needs it, and leaves with its exit code.
 *
 * @param {string} job such as `npm start`
 * @param {unknown} error
 * @returns {never}
 */
export function failJob(job, error) {
  if (error instanceof StepError) {
    process.stderr.write(`\n${job}: ${error.message}\n`);
    if (error.ran !== undefined) process.stderr.write(`  ran   ${error.ran}\n`);
    if (error.log !== undefined) process.stderr.write(`  log   ${error.log}\n`);
    if (error.next !== undefined) process.stderr.write(`  next  ${error.next}\n`);
    process.exit(error.exitCode);
  }
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  process.stderr.write(`\n${job}: ${text}\n`);
  process.exit(1);
}
