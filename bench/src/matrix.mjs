// @ts-check
/**
 * The matrix of guests: images built from cached packages, every cell with all probes, and the same
 * with the programs of every Go release. The baseline is what a person would do without the
 * runner: one fresh boot for each probe in each cell, one after the other. What a reader would get
 * wrong: the goals are for all cells. SONDE_CELLS measures some of them, and then a goal is not
 * judged, but the breakdown of a guest's time is the same.
 */
import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { cacheRoot } from '@sonde/toolchain';
import { row, summarize } from './measure.mjs';

const MAIN = fileURLToPath(new URL('../../vm-tests/dist/main.js', import.meta.url));
const PACKAGES = fileURLToPath(new URL('../../packages', import.meta.url));
const OUT = fileURLToPath(new URL('../../out/bench', import.meta.url));
/** Seconds. */
const GOALS = { images: 60, matrix: 20, releases: 180 };
/** Caches of what was fetched; the rest is built of it. */
const FETCHED = ['apt', 'deb', 'npm'];

/**
 * @typedef {{ cell: string, bootMs?: number, totalMs: number,
 *   suites: { name: string, loadMs: number, testsMs: number }[] }} Guest
 */

/** @returns {{ words: string, isAll: boolean }} which cells are measured */
function chosen() {
  const words = process.env['SONDE_CELLS'] ?? 'all';
  return { words, isAll: words === 'all' };
}

/**
 * Runs `sonde-vm` and returns how long it took, in seconds.
 *
 * @param {readonly string[]} args
 * @param {NodeJS.ProcessEnv} [env]
 */
async function timed(args, env = {}) {
  const began = performance.now();
  const child = spawn(process.execPath, [MAIN, ...args], {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { ...process.env, CI: 'true', ...env },
  });
  let errors = '';
  child.stderr.on('data', chunk => (errors = `${errors}${chunk}`.slice(-2000)));
  const code = await new Promise(resolve => child.once('close', resolve));
  if (code !== 0) throw new Error(`sonde-vm ${args.join(' ')}: exit code ${code}\n${errors}`);
  return (performance.now() - began) / 1000;
}

/**
 * One run of the kernel tests, and what its guests took their time for.
 *
 * @param {readonly string[]} flags
 */
async function run(flags) {
  const folder = mkdtempSync(join(OUT, 'matrix-'));
  const results = join(folder, 'results.json');
  try {
    const args = ['--lane', 'guest', '--results', results, '--out', join(folder, 'out')];
    const seconds = await timed(['run', ...args, '--cells', chosen().words, ...flags]);
    /** @type {{ guests: Guest[] }} */
    const { guests } = JSON.parse(readFileSync(results, 'utf8'));
    return { seconds, guests };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/**
 * @param {string} name
 * @param {number} seconds
 * @param {number} goal
 */
function judged(name, seconds, goal) {
  const about = chosen().isAll ? { value: seconds, goal, what: 'it took' } : undefined;
  row(name, summarize([seconds]), 's', about);
}

/**
 * Prints what guests took their time for: up to the userland, up to a suite's first line (Node,
 * the bundle, koffi and libbpf), and its tests.
 *
 * @param {readonly Guest[]} guests
 */
function breakdown(guests) {
  const suites = guests.flatMap(guest => guest.suites);
  const part = (/** @type {string} */ name, /** @type {number[]} */ ms) =>
    row(`  ${name}`, summarize(ms.map(each => each / 1000)), 's');
  part(
    'a guest: boot to userland',
    guests.flatMap(guest => guest.bootMs ?? []),
  );
  part(
    'a suite: Node and its libraries',
    suites.map(suite => suite.loadMs),
  );
  for (const name of new Set(suites.map(suite => suite.name))) {
    const own = suites.filter(suite => suite.name === name);
    part(
      `${name}: its tests`,
      own.map(suite => suite.testsMs),
    );
  }
}

/** Prints how long it takes to build what cells boot from, in a cache of what was fetched only. */
export async function matrixImages() {
  mkdirSync(OUT, { recursive: true });
  const cache = mkdtempSync(join(OUT, 'cache-'));
  try {
    for (const kind of FETCHED) symlinkSync(join(cacheRoot(), kind), join(cache, kind));
    const args = ['prepare', '--cells', chosen().words];
    await timed(args);
    const seconds = await timed(args, { SONDE_CACHE: cache });
    judged('images from cached packages', seconds, GOALS.images);
  } finally {
    rmSync(cache, { recursive: true, force: true });
  }
}

/** Prints how long the matrix takes without the programs of every Go release. */
export async function matrix() {
  mkdirSync(OUT, { recursive: true });
  const probes = readdirSync(PACKAGES).filter(name => name.startsWith('probe-'));
  let alone = 0;
  for (const probe of probes) {
    alone += (await run(['--without-releases', '--jobs', '1', '--probes', probe])).seconds;
  }
  row('baseline: a fresh boot per probe, in turn', summarize([alone]), 's');
  const { seconds, guests } = await run(['--without-releases', '--probes', probes.join(',')]);
  judged('all probes in one boot per cell', seconds, GOALS.matrix);
  breakdown(guests);
}

/** Prints how long it takes with the programs of every Go release, one stripped build each. */
export async function matrixReleases() {
  mkdirSync(OUT, { recursive: true });
  const { seconds, guests } = await run(['--builds', 'fast']);
  judged('with every Go release', seconds, GOALS.releases);
  breakdown(guests);
}
