/**
 * Runs the unit tests of the project in the current folder: compiled ones under dist, or plain .mjs
 * ones beside their files. What a reader would get wrong: tap is told the files by name, because
 * its own search would find kernel tests, and would compile TypeScript that is compiled already.
 */
import { spawnSync } from 'node:child_process';
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';

const TAP = 'out/unit/unit.tap';
const compiled = existsSync('dist');
const folder = compiled ? 'dist' : '.';
const wanted = compiled ? /\.test\.js$/ : /\.test\.mjs$/;
const files = readdirSync(folder, { recursive: true, encoding: 'utf8' })
  .filter(name => wanted.test(name) && !/\.kernel\.test\.js$/.test(name))
  .filter(name => !name.includes('node_modules') && sourceOf(name))
  .map(name => join(folder, name))
  .sort();

/**
 * A test whose source is gone stays in dist until someone cleans it; it must not run.
 *
 * @param {string} name path below dist
 * @returns {boolean} whether the test still has a source
 */
function sourceOf(name) {
  return !compiled || existsSync(join('src', name.replace(/\.js$/, '.ts')));
}

if (files.length === 0) {
  process.stderr.write(`unit tests: no ${wanted.source} below ${folder}\n`);
  process.exit(1);
}
mkdirSync('out/unit', { recursive: true });
const tap = createRequire(import.meta.url).resolve('tap/package.json');
const run = join(tap, '..', 'dist', 'esm', 'run.mjs');
// One file at a time: Nx runs projects side by side already. The limit is for a machine that boots
// guests and builds programs with thirteen Go releases for the first time; tap's own is 30 seconds.
const pace = ['--jobs=1', '--timeout=1500'];
const args = ['run', '--disable-coverage', '--allow-empty-coverage', '--reporter=tap', ...pace];
// What tap prints, not its --output-file: that one can lack its first lines on a busy machine.
const output = openSync(TAP, 'w');
// Some tests read what Node prints of an error, which Nx asks to be coloured at a terminal.
/** @type {NodeJS.ProcessEnv} */
const env = { ...process.env, NO_COLOR: '1' };
delete env['FORCE_COLOR'];
const result = spawnSync(process.execPath, [run, ...args, ...files], {
  env,
  stdio: ['ignore', output, 'inherit'],
});
closeSync(output);
const report = readFileSync(TAP, 'utf8');
// A run that passed is one line; a run that failed is shown whole.
const total = /^# \{ total.*$/m.exec(report)?.[0] ?? '# no result';
process.stdout.write(result.status === 0 ? `${total}\n` : report);
process.exit(result.status ?? 1);
