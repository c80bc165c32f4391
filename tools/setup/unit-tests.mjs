/**
 * Runs the unit tests of the project in the current folder: compiled ones under dist, or plain .mjs
 * ones beside their files. What a reader would get wrong: tap is told the files by name, because
 * its own search would find kernel tests, and would compile TypeScript that is compiled already.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';

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
rmSync('out/unit/unit.tap', { force: true });
const tap = createRequire(import.meta.url).resolve('tap/package.json');
const run = join(tap, '..', 'dist', 'esm', 'run.mjs');
const args = ['run', '--disable-coverage', '--allow-empty-coverage', '--reporter=silent'];
const result = spawnSync(
  process.execPath,
  [run, ...args, '--output-file=out/unit/unit.tap', '--jobs=2', ...files],
  { stdio: ['ignore', 'ignore', 'inherit'] },
);
const report = existsSync('out/unit/unit.tap') ? readFileSync('out/unit/unit.tap', 'utf8') : '';
// A run that passed is one line; a run that failed is shown whole.
const total = /^# \{ total.*$/m.exec(report)?.[0] ?? '# no result';
process.stdout.write(result.status === 0 ? `${total}\n` : report);
process.exit(result.status ?? 1);
