/**
 * Pages of this folder as tests execute them: their blocks, and commands in the repository. What a
 * reader would get wrong: a second block of one file goes on where the first has ended.
 */
import { spawn, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The repository's root, with a slash at its end. */
export const ROOT = fileURLToPath(new URL('../', import.meta.url));
/** The one guest that commands of the pages boot where the host lane does not work. */
export const CELL = `6.12-${process.arch === 'arm64' ? 'arm64' : 'amd64'}`;
/** Whether tests run on this kernel. */
export const HOST = hostWorks();

/** @returns {boolean} */
function hostWorks() {
  if (process.env['SONDE_LANE'] === 'guest') return false;
  const args = ['packages/cli/dist/main.js', 'doctor', '--json'];
  const { stdout } = spawnSync(process.execPath, args, { cwd: ROOT, encoding: 'utf8' });
  return JSON.parse(stdout).host.works;
}

/** @param {string} name @returns {string} the text of a page in this folder */
export function readPage(name) {
  return readFileSync(join(ROOT, 'docs', name), 'utf8');
}

/** @typedef {{ language: string, file: string | undefined, text: string }} Block */

/** @param {string} page @returns {Block[]} in the order of the page */
export function blocksOf(page) {
  return [...page.matchAll(/^```(\w*)(?: file=(\S+))?\n([\s\S]*?)^```$/gm)].map(
    ([, language = '', file, text = '']) => ({ language, file, text }),
  );
}

/**
 * Runs a command in the repository's root, in the one place that tests of pages run in.
 *
 * @param {import('tap').Test} t
 * @param {string} command
 * @param {readonly string[]} args
 * @returns {string} what it printed; the test fails when it did not exit with 0
 */
export function run(t, command, args) {
  // A test that is run below tap leaves out the line of its totals, and this one is below tap.
  const own = Object.entries(process.env).filter(([name]) => !name.startsWith('TAP'));
  const lane = { SONDE_CELLS: CELL, SONDE_LANE: HOST ? 'host' : 'guest' };
  const env = { ...Object.fromEntries(own), ...lane };
  const result = spawnSync(command, args, { cwd: ROOT, encoding: 'utf8', env });
  t.equal(result.status, 0, `${command} ${args.join(' ')}\n${result.stdout}${result.stderr}`);
  return result.stdout;
}

/**
 * Runs the probe of a page on a workload of this machine; its table has to begin as the page shows.
 *
 * @param {import('tap').Test} t
 * @param {string} page
 * @param {object} how
 * @param {string} how.folder the probe's
 * @param {string} how.workload
 * @param {string} how.command what the workload does, over and over
 * @param {readonly string[]} how.args the probe's name, and flags of `sonde run`
 * @returns {Promise<string>} the first event's line
 */
export async function runsAsShown(t, page, { folder, workload, command, args }) {
  const arch = process.arch === 'arm64' ? 'arm64' : 'x86_64';
  const program = spawn(join(ROOT, 'vm-tests/dist/workloads', arch, workload), {
    stdio: ['pipe', 'ignore', 'inherit'],
  });
  const timer = setInterval(() => program.stdin.write(`${command}\n`), 50);
  const words = ['packages/cli/dist/main.js', 'run', ...args, '--probe', folder];
  const flags = ['--pid', `${program.pid}`, '--duration', '1s'];
  const sonde = spawn(process.execPath, [...words, ...flags], { cwd: ROOT });
  let out = '';
  sonde.stdout.on('data', chunk => (out += chunk));
  await new Promise(resolve => sonde.once('close', resolve));
  clearInterval(timer);
  program.stdin.end();
  const [, shown = ''] = /^```text\n(EVENT.*)$/m.exec(page) ?? [];
  const [head = '', first = ''] = out.split('\n');
  t.equal(head, shown, 'the head of the table');
  return first;
}
