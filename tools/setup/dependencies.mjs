/**
 * Brings node_modules up to the lock file.
 * What a reader would get wrong: freshness is read from npm's own record of what it installed
 * (node_modules/.package-lock.json, written last), not from a stamp of ours. So an interrupted
 * `npm ci` counts as stale, and a developer's `npm install` counts as fresh.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT, runStep } from './steps.mjs';

/**
 * @typedef {{ version?: string, link?: boolean, optional?: boolean,
 *   bin?: Record<string, string> }} Entry
 * @typedef {{ packages?: Record<string, Entry> }} LockFile
 */

/**
 * Names of packages that the lock file wants and npm's record does not have.
 *
 * @param {LockFile} wanted package-lock.json
 * @param {LockFile | undefined} installed node_modules/.package-lock.json
 * @returns {string[]} paths such as `node_modules/nx`
 */
export function staleEntries(wanted, installed) {
  const stale = [];
  for (const [path, entry] of Object.entries(wanted.packages ?? {})) {
    if (!path.includes('node_modules/')) continue;
    const found = installed?.packages?.[path];
    // Optional entries are for other processors and systems, most of them not installed here.
    if (found === undefined && entry.optional === true) continue;
    const same =
      found !== undefined && found.version === entry.version && found.link === entry.link;
    if (!same) stale.push(path);
  }
  return stale;
}

/**
 * Commands of our own packages that npm has not linked. It links them once, when it installs, and
 * its record does not say which.
 *
 * @param {LockFile} wanted package-lock.json
 * @param {(command: string) => boolean} linked whether node_modules/.bin has a command
 * @returns {string[]}
 */
export function missingCommands(wanted, linked) {
  return Object.entries(wanted.packages ?? {})
    .filter(([path]) => path !== '' && !path.includes('node_modules/'))
    .flatMap(([, entry]) => Object.keys(entry.bin ?? {}))
    .filter(name => !linked(name));
}

/**
 * @param {string} path
 * @returns {LockFile | undefined} undefined when it is absent or half written
 */
function readLock(path) {
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch {
    return undefined;
  }
}

/** @returns {boolean} whether node_modules is what the lock file says */
export function dependenciesFresh() {
  const wanted = readLock(join(ROOT, 'package-lock.json'));
  const installed = readLock(join(ROOT, 'node_modules', '.package-lock.json'));
  if (wanted === undefined || installed === undefined) return false;
  const linked = (/** @type {string} */ name) => existsSync(join(ROOT, 'node_modules/.bin', name));
  return (
    staleEntries(wanted, installed).length === 0 && missingCommands(wanted, linked).length === 0
  );
}

/**
 * Runs `npm ci` when node_modules is not what the lock file says.
 *
 * @returns {Promise<string>} what was done, as a short phrase
 * @throws {import('./steps.mjs').StepError} when npm fails
 */
export async function installDependencies() {
  if (dependenciesFresh()) return 'up to date';
  await runStep('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error'], {
    log: 'npm-ci',
    next: 'see the log; when the network failed, run the same command again',
  });
  return 'installed';
}
