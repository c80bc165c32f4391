/**
 * What an author types, as tests do it: commands with their words and their outcome. What a reader
 * would get wrong: whatever npm, Nx and tap tell the tests of this repository by the environment is
 * kept from the author's commands.
 */
import { spawn, spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The repository's root, with a slash at its end. */
export const ROOT = fileURLToPath(new URL('../../', import.meta.url));
/** One guest of this machine's architecture, which every run of the matrix has an image of. */
export const CELL = `6.12-${process.arch === 'arm64' ? 'arm64' : 'amd64'}`;

/** @typedef {{ code: number | null, command: string, out: string, all: string }} Outcome */

/** @returns {NodeJS.ProcessEnv} */
function environment() {
  /** @type {NodeJS.ProcessEnv} */
  const env = { ...process.env, NO_COLOR: '1', SONDE_CELLS: CELL };
  for (const name of Object.keys(env)) {
    if (/^npm_(?!config_)|^NX_|^TAP/i.test(name)) delete env[name];
  }
  return env;
}

/**
 * Runs a command to its end.
 *
 * @param {string} cwd
 * @param {string} command
 * @param {...string} args
 * @returns {Outcome} `all`: what it was and everything that it said
 */
export function run(cwd, command, ...args) {
  const options = /** @type {const} */ ({ cwd, env: environment(), encoding: 'utf8' });
  const { status, stdout, stderr } = spawnSync(command, args, options);
  const words = `${command} ${args.join(' ')}`;
  return { code: status, command: words, out: stdout, all: `${words}\n${stdout}${stderr}` };
}

/**
 * Asserts that a command has succeeded, with all that it said where it did not.
 *
 * @param {import('tap').Test} t
 * @param {Outcome} outcome
 */
export function passes(t, outcome) {
  t.equal(outcome.code, 0, outcome.code === 0 ? outcome.command : outcome.all);
}

/**
 * Runs a probe for two seconds on the workload `touch`, which makes system calls meanwhile.
 *
 * @param {string} cwd
 * @param {string} workloads the folder that has the workloads of each architecture
 * @param {readonly [string, ...string[]]} command how `sonde` is started, up to the probe's name
 * @returns {Promise<string>} what it printed: one JSON object a line
 */
export async function eventsOf(cwd, workloads, [program, ...words]) {
  const arch = process.arch === 'arm64' ? 'arm64' : 'x86_64';
  const touch = spawn(join(workloads, arch, 'touch'), { stdio: ['pipe', 'ignore', 'inherit'] });
  const timer = setInterval(() => touch.stdin.write('kernel 1\n'), 50);
  try {
    const args = [...words, '--pid', `${touch.pid}`, '--duration', '2s', '--json'];
    const sonde = spawn(program, args, { cwd, env: environment() });
    let out = '';
    sonde.stdout.on('data', chunk => (out += chunk));
    await new Promise(resolve => sonde.once('close', resolve));
    return out;
  } finally {
    clearInterval(timer);
    touch.stdin.end();
  }
}

/**
 * Asserts that every line is an event of a new probe, and that there are some.
 *
 * @param {import('tap').Test} t
 * @param {string} lines
 */
export function areCalls(t, lines) {
  const events = lines
    .trim()
    .split('\n')
    .map(line => JSON.parse(line));
  t.ok(events.length > 0, `${events.length} events`);
  for (const { event, number, tid } of events) {
    if (event !== 'call' || !Number.isInteger(number) || !(tid > 0)) t.fail(`an event of ${event}`);
  }
}
