// @ts-check
/**
 * The program that the live benchmarks trace, and the ways to trace it. What a reader would get
 * wrong: a variant is attached before its turn and detached after it, because two tracers on one
 * function add up.
 */
import { openSession } from '@sonde/core';
import cgoMalloc from '@sonde/probe-cgo-malloc';
import mallocgc from '@sonde/probe-mallocgc';
import pagefault from '@sonde/probe-pagefault';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { bpfObject, cProgram, pacedProgram } from './build.mjs';
import { conversation } from './measure.mjs';

/** The probes of this repository by their names. */
export const PROBES = { 'cgo-malloc': cgoMalloc, mallocgc, pagefault };

/** A place for the C tool: a file, an offset in it, and whether on return. */
/** @typedef {{ file: string, fileOffset: number, returns: boolean }} Place */

/**
 * Builds and starts the paced program. `nogc` keeps its collector off, so that a round is one
 * allocation and nothing else.
 * @param {readonly string[]} [args]
 */
export async function startPaced(args = []) {
  const exe = pacedProgram();
  const paced = await conversation(exe, args);
  const pid = Number((await paced.next()).split(' ')[1]);
  /** @param {string} loop @param {number} rounds CPU nanoseconds of one round */
  const roundNs = async (loop, rounds) => {
    const [, ns] = (await paced.ask(`${loop} ${rounds}`)).split(' ').map(Number);
    return /** @type {number} */ (ns) / rounds;
  };
  return { exe, pid, roundNs, end: () => paced.end() };
}

/**
 * Runs `work` while Sonde traces; the brake is off, so that it sees all of the cost.
 * @template T
 * @param {number} pid
 * @param {readonly { probe: keyof typeof PROBES, mode?: 'stream' | 'aggregate' }[]} requests
 * @param {(session: import('@sonde/core').Session) => Promise<T>} work
 */
export async function withSonde(pid, requests, work) {
  const probes = requests.map(({ probe, mode }) => ({
    module: PROBES[probe],
    ...(mode ? { mode } : {}),
  }));
  const session = await openSession({ pid, probes, maxOverhead: 'off' });
  try {
    return await work(session);
  } finally {
    await session.close();
  }
}

/**
 * Where a session's probes were hit: what an empty program has to be attached to, to compare.
 * @param {import('@sonde/core').Session} session
 * @returns {Place[]}
 */
export function hitPlaces(session) {
  session.refresh();
  return session.probes.flatMap(probe =>
    probe.points.flatMap(point =>
      point.sites
        .filter(site => site.hits > 0 && site.file !== '')
        .map(site => ({
          file: site.file,
          fileOffset: site.fileOffset,
          returns: point.kind === 'cReturn',
        })),
    ),
  );
}

/**
 * Starts the C tool at these places, which must lie in one file.
 * @param {'hold' | 'first' | 'count'} mode
 * @param {number} pid
 * @param {readonly Place[]} places
 */
export function cTool(mode, pid, places) {
  const [first] = places;
  if (first === undefined) throw new Error('start uprobe_tool: no probe was hit');
  return conversation(cProgram('uprobe_tool'), [
    ...[mode, bpfObject('empty'), `${pid}`, first.file],
    ...places.map(place => `${place.returns ? 'r' : ''}${place.fileOffset}`),
  ]);
}

/** Why bpftrace cannot take part here, or undefined. */
export function bpftraceMissing() {
  const { error, status } = spawnSync('bpftrace', ['--version'], { stdio: 'ignore' });
  if (error) return 'it is not installed: sudo apt-get install -y --no-install-recommends bpftrace';
  return status === 0 ? undefined : `bpftrace --version ended with ${status}`;
}

/**
 * Runs `work` while bpftrace runs `program`.
 * @template T
 * @param {number} pid
 * @param {string} program
 * @param {() => Promise<T>} work
 */
export async function withBpftrace(pid, program, work) {
  // Printed by a timer, hence after everything was attached.
  const ready = 'interval:ms:100 { printf("ready\\n"); }';
  const args = ['-p', `${pid}`, '-e', `${program} ${ready}`];
  const child = spawn('bpftrace', args, { stdio: ['ignore', 'pipe', 'pipe'] });
  let said = '';
  child.stderr.on('data', data => (said += data));
  const attached = new Promise((resolve, reject) => {
    child.stdout.on('data', data => `${data}`.includes('ready') && resolve(undefined));
    child.once('error', reject);
    child.once('exit', code => reject(new Error(`bpftrace ended with ${code}: ${said.trim()}`)));
  });
  await attached;
  try {
    return await work();
  } finally {
    // Its report, with symbols for every stack, takes minutes, and its probes die with it anyway.
    const closed = once(child, 'close');
    child.kill('SIGKILL');
    await closed;
  }
}
