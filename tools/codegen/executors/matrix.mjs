/**
 * The executor of `vm-tests:matrix`: every project with kernel tests, in every cell that was asked
 * for. What a reader would get wrong: it runs nothing itself. It starts Nx once more with the
 * cells' own targets, so that a cell which passed before is answered from the cache, and those that
 * are left become one batch, which boots each cell once.
 */
import { spawn, spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { endWithNx } from './end-with-nx.mjs';

/**
 * @typedef {{ cells?: string, shard?: string, builds?: 'fast' | 'full', probes?: string }} Options
 * @typedef {Omit<Options, 'cells'> & { cells?: string | number, __unparsed__?: string[] }} Given
 */

/** What Nx sets for the task that this is, and an Nx of its own must not take over. */
const OF_THIS_TASK = /^NX_(?:TASK_|CLI_SET|INVOKED_BY|FORKED|LOAD_DOT|STREAM_OUTPUT|PREFIX)/;

/**
 * The options as they were written: Nx reads the kernel `5.10` as a number, which is 5.1.
 *
 * @param {Given} given
 * @returns {Options}
 */
function asWritten({ __unparsed__: args = [], cells, ...others }) {
  const options = /** @type {const} */ ({ cells: { type: 'string' } });
  const { values } = parseArgs({ args, options, strict: false });
  const words = values.cells ?? cells;
  return words === undefined ? others : { ...others, cells: String(words) };
}

/**
 * The cells in words, as the matrix's own program gives them.
 *
 * @param {string} root
 * @param {Options} options
 * @returns {string[]}
 */
function chosenCells(root, { cells = 'fast', shard }) {
  const args = ['cells', '--json', '--cells', cells];
  if (shard !== undefined) args.push('--shard', shard);
  const program = join(root, 'vm-tests/dist/main.js');
  const said = spawnSync(process.execPath, [program, ...args], { encoding: 'utf8' });
  if (said.status !== 0) throw new Error(said.stderr.trim());
  /** @type {{ name: string }[]} */
  const found = JSON.parse(said.stdout);
  return found.map(cell => cell.name);
}

/**
 * Runs `nx` to its end with this process's terminal. It is told to end with this process, however
 * that ends; its own children are ended by it, and guests by the parent-death signal of their own.
 *
 * @param {string} root
 * @param {readonly string[]} args
 * @param {NodeJS.ProcessEnv} more
 * @returns {Promise<number>} its exit code
 */
function runNx(root, args, more) {
  endWithNx();
  const inherited = Object.entries(process.env).filter(([name]) => !OF_THIS_TASK.test(name));
  const env = { ...Object.fromEntries(inherited), ...more, NX_TUI: 'false' };
  const program = join(root, 'node_modules/nx/dist/bin/nx.js');
  const command = ['--pdeathsig', 'TERM', '--', process.execPath, program, ...args];
  const child = spawn('setpriv', command, { cwd: root, stdio: 'inherit', env });
  /** @type {readonly NodeJS.Signals[]} */
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'];
  for (const name of signals) process.once(name, () => child.kill(name));
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', code => resolve(code ?? 1));
  });
}

/**
 * Runs every project's kernel tests in the chosen cells; one that fails does not stop the others.
 *
 * @param {Given} given
 * @param {import('@nx/devkit').ExecutorContext} context
 * @returns {Promise<{ success: boolean }>}
 */
export default async function matrix(given, context) {
  const options = asWritten(given);
  const { root } = context;
  /** @type {string[]} */
  let cells;
  try {
    cells = chosenCells(root, options);
  } catch (error) {
    console.error(error instanceof Error ? error.message : String(error));
    return { success: false };
  }
  if (cells.length === 0) {
    console.log(`matrix: shard ${options.shard} has no cell`);
    return { success: true };
  }
  const words = (options.cells ?? 'fast').split(',');
  const wide = words.some(word => word === 'full' || word === 'nightly');
  const builds = options.builds ?? (wide ? 'full' : 'fast');
  const env = { SONDE_BUILDS: builds === 'full' ? 'full' : '', SONDE_GATHER: '1' };
  console.log(`matrix: ${cells.join(', ')}; ${builds} builds of Go programs`);
  // Built first and apart: what is left then becomes ready at once, and so one batch.
  const some = options.probes === undefined ? [] : ['-p', options.probes];
  const build = ['run-many', ...some, '-t', 'build', 'bpf', '--outputStyle=static'];
  if ((await runNx(root, build, env)) !== 0) return { success: false };
  const targets = cells.map(name => `test-vm--${name}`);
  const flags = ['--batch', '--nxBail=false', '--outputStyle=static'];
  const code = await runNx(root, ['run-many', ...some, '-t', ...targets, ...flags], env);
  return { success: code === 0 };
}
