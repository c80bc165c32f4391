/**
 * Installs Debian packages as root, or says the one line that does.
 * What a reader would get wrong: no mirror is named here. Where bookworm needs its backports, the
 * address is the one that apt already uses for bookworm.
 */
import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { missingNeeds, packagesFor } from './needs.mjs';
import { StepError, runStep } from './steps.mjs';

/** @typedef {import('./host.mjs').Host} Host */
/** @typedef {import('./needs.mjs').Need} Need */
/** @typedef {import('./needs.mjs').Job} Job */

const SOURCES = '/etc/apt/sources.list.d/sonde-backports.sources';
const KEYS = '/usr/share/keyrings/debian-archive-keyring.gpg';

/**
 * Finds the address that apt uses for a suite, in both of its file formats.
 *
 * @param {readonly string[]} texts the contents of apt's source files
 * @param {string} suite such as `bookworm`
 * @returns {string | undefined}
 */
export function mirrorOf(texts, suite) {
  for (const text of texts) {
    for (const stanza of text.split(/\n\s*\n/)) {
      const uri = /^URIs:\s*(\S+)/m.exec(stanza)?.[1];
      const suites = /^Suites:\s*(.+)$/m.exec(stanza)?.[1]?.split(/\s+/) ?? [];
      if (uri !== undefined && suites.includes(suite)) return uri;
    }
    for (const line of text.split('\n')) {
      const match = /^deb\s+(?:\[[^\]]*\]\s+)?(\S+)\s+(\S+)/.exec(line);
      if (match?.[2] === suite) return match[1];
    }
  }
  return undefined;
}

/** @returns {string[]} the contents of apt's source files */
function aptSources() {
  const folder = '/etc/apt/sources.list.d';
  const names = ['/etc/apt/sources.list'];
  try {
    names.push(...readdirSync(folder).map(name => join(folder, name)));
  } catch {
    // A machine may have the single file only.
  }
  return names.flatMap(name => {
    try {
      return [readFileSync(name, 'utf8')];
    } catch {
      return [];
    }
  });
}

/**
 * The line that a user without root runs.
 *
 * @param {{ packages: readonly string[], backports: string | undefined }} plan
 * @returns {string}
 */
export function installLine(plan) {
  const release = plan.backports === undefined ? '' : `-t ${plan.backports} `;
  return `sudo apt-get install -y --no-install-recommends ${release}${plan.packages.join(' ')}`;
}

/**
 * Makes apt see the backports from the mirror that it uses already.
 *
 * @param {string} suite
 * @param {Host} host
 * @throws {StepError} when apt has no source for this Debian
 */
function addBackports(suite, host) {
  const mirror = mirrorOf(aptSources(), host.suite);
  if (mirror === undefined) {
    throw new StepError(`add ${suite}: apt has no source for ${host.suite}`, {
      next: `add ${suite} to /etc/apt/sources.list.d, or install Go 1.21 or newer by hand`,
      exitCode: 2,
    });
  }
  const stanza = ['Types: deb', `URIs: ${mirror}`, `Suites: ${suite}`, 'Components: main'];
  writeFileSync(SOURCES, `${[...stanza, `Signed-By: ${KEYS}`].join('\n')}\n`);
}

/**
 * Says what is missing and how to get it, for a user who cannot install it here.
 *
 * @param {Host} host
 * @param {readonly Need[]} missing
 * @returns {StepError} to throw; its exit code is 2
 */
export function missingError(host, missing) {
  const plan = packagesFor(host, missing);
  const list = missing.map(need => `  - ${need.what}`).join('\n');
  const enable =
    plan.backports === undefined ? '' : `enable ${plan.backports} in apt, then run:\n    `;
  const next = host.apt
    ? `${enable}${installLine(plan)}`
    : `install what Debian calls ${plan.packages.join(' ')}`;
  return new StepError(`this machine lacks:\n${list}`, { next, exitCode: 2 });
}

/**
 * Installs what some jobs need and this machine lacks.
 *
 * @param {Host} host
 * @param {readonly Job[]} jobs
 * @param {(note: string) => void} note shows the package at work
 * @returns {Promise<string>} what was done, as a short phrase
 * @throws {StepError} with exit code 2 when we may not install, 1 when apt fails
 */
export async function installMissing(host, jobs, note) {
  const missing = missingNeeds(host, jobs);
  if (missing.length === 0) return 'nothing missing';
  if (!host.root || !host.apt) throw missingError(host, missing);
  const plan = packagesFor(host, missing);
  if (plan.backports !== undefined) addBackports(plan.backports, host);
  const env = { DEBIAN_FRONTEND: 'noninteractive', LC_ALL: 'C.UTF-8' };
  const quiet = ['-o', 'Dpkg::Use-Pty=0', '-o', 'DPkg::Lock::Timeout=120'];
  const next = 'see the log; when the network failed, run the same command again';
  // An interrupted installation leaves dpkg half way; this completes it and is free otherwise.
  await runStep('dpkg', ['--configure', '-a'], { log: 'dpkg-configure', env, next });
  await runStep('apt-get', [...quiet, 'update'], { log: 'apt-update', env, next });
  const release = plan.backports === undefined ? [] : ['-t', plan.backports];
  const args = ['install', '-y', '--no-install-recommends', ...release, ...plan.packages];
  const onLine = (/** @type {string} */ line) => {
    if (/^(Get:|Unpacking|Setting up)/.test(line)) note(line.slice(0, 78));
  };
  await runStep('apt-get', [...quiet, ...args], { log: 'apt-install', env, next, onLine });
  const left = missingNeeds(host, jobs);
  if (left.length > 0) throw missingError(host, left);
  return plan.packages.join(' ');
}
