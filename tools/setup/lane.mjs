/**
 * Decides where a trace runs: on this kernel (`host`) or in a guest under QEMU (`guest`). What a
 * reader would get wrong: the kernel's version decides nothing. `sonde doctor` loads a program and
 * lets a uprobe fire; only that is an answer.
 */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { ROOT, StepError } from './steps.mjs';

/** @typedef {{ lane: 'host' | 'guest', why: string }} Choice */

/**
 * Reads what `SONDE_LANE` forces.
 *
 * @param {NodeJS.ProcessEnv} env
 * @returns {'host' | 'guest' | undefined} undefined when the machine decides
 * @throws {StepError} for any other word
 */
export function forcedLane(env) {
  const value = env.SONDE_LANE ?? '';
  if (value === '') return undefined;
  if (value === 'host' || value === 'guest') return value;
  throw new StepError(`read SONDE_LANE: "${value}" is not a lane`, {
    next: 'use SONDE_LANE=host or SONDE_LANE=guest, or leave it unset',
    exitCode: 2,
  });
}

/**
 * Chooses between the lanes.
 *
 * @param {'host' | 'guest' | undefined} forced
 * @param {{ works: boolean, why: string }} host doctor's answer about this machine
 * @returns {Choice}
 */
export function chooseLane(forced, host) {
  if (forced !== undefined) return { lane: forced, why: `SONDE_LANE=${forced} says so` };
  return { lane: host.works ? 'host' : 'guest', why: host.why };
}

/**
 * Asks `sonde doctor` whether the host lane works here.
 *
 * @returns {{ works: boolean, why: string }}
 */
export function askDoctor() {
  const main = join(ROOT, 'packages', 'cli', 'dist', 'main.js');
  const options = /** @type {const} */ ({ encoding: 'utf8', timeout: 30_000 });
  const answer = spawnSync(process.execPath, [main, 'doctor', '--json'], options);
  try {
    const { host } = JSON.parse(answer.stdout);
    if (typeof host.works === 'boolean') return { works: host.works, why: String(host.why) };
  } catch {
    // Falls through: an answer that is no JSON is doctor's own failure, and its text says more.
  }
  const said = (answer.stderr || answer.error?.message || 'no output').trim().split('\n')[0];
  return { works: false, why: `sonde doctor did not answer: ${said}` };
}
