// @ts-check
/**
 * What every benchmark here shares: alternating rounds, their minimum and median, and the verdict
 * against a goal. What a reader would get wrong: the baseline runs in the same invocation, in turn
 * with the candidate, because two runs minutes apart on a shared machine compare the neighbours.
 */
import koffi from 'koffi';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';

/** @typedef {{ n: number, min: number, median: number }} Summary */

/**
 * Minimum and median of some samples.
 * @param {readonly number[]} samples
 * @returns {Summary}
 */
export function summarize(samples) {
  const sorted = [...samples].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const median =
    sorted.length % 2
      ? sorted[middle]
      : ((sorted[middle - 1] ?? NaN) + (sorted[middle] ?? NaN)) / 2;
  return { n: sorted.length, min: sorted[0] ?? NaN, median: median ?? NaN };
}

/**
 * What one variant has on top of another: the differences of the minima and of the medians.
 * @param {Summary} above
 * @param {Summary} below
 * @returns {Summary}
 */
export function difference(above, below) {
  return { n: above.n, min: above.min - below.min, median: above.median - below.median };
}

/**
 * Runs the variants in turn, so that each round of one is followed by a round of the next.
 * @param {number} rounds how often each variant is measured
 * @param {Record<string, () => number | Promise<number>>} variants each returns one sample
 * @param {number} [warmUp] rounds before, thrown away
 * @returns {Promise<Record<string, Summary>>}
 */
export async function alternate(rounds, variants, warmUp = 1) {
  /** @type {Record<string, number[]>} */
  const samples = Object.fromEntries(Object.keys(variants).map(name => [name, []]));
  for (let round = -warmUp; round < rounds; round++) {
    for (const [name, run] of Object.entries(variants)) {
      const sample = await run();
      if (round >= 0) samples[name]?.push(sample);
    }
  }
  return Object.fromEntries(Object.entries(samples).map(([name, all]) => [name, summarize(all)]));
}

const CLOCK_THREAD_CPUTIME_ID = 3;
const clockGettime = koffi
  .load('libc.so.6')
  .func('int clock_gettime(int clock, _Out_ int64_t *time)');
const timespec = new BigInt64Array(2);

/** Processor time of the calling thread in ns: what a busy neighbour does not add to. */
export function threadCpuNs() {
  clockGettime(CLOCK_THREAD_CPUTIME_ID, timespec);
  return Number(timespec[0]) * 1e9 + Number(timespec[1]);
}

/**
 * Prints one line of a table: name, rounds, minimum, median, and the goal where there is one.
 * @param {string} name
 * @param {Summary} summary
 * @param {string} unit
 * @param {{ value: number, goal: number, what: string }} [goal] met when value <= goal
 */
export function row(name, summary, unit, goal) {
  const { n, min, median } = summary;
  const cells = `${name.padEnd(44)} n=${n}  min ${format(min)}  median ${format(median)} ${unit}`;
  const met = goal && goal.value <= goal.goal ? 'met' : 'MISSED';
  const verdict = goal ? `  ${goal.what} ${format(goal.value)} (goal <= ${goal.goal}: ${met})` : '';
  console.log(cells + verdict);
}

/** @param {number} value */
function format(value) {
  return (Math.abs(value) >= 100 ? value.toFixed(0) : value.toFixed(2)).padStart(8);
}

/**
 * A child that answers each line on its standard input with one line.
 * @param {string} command
 * @param {readonly string[]} args
 */
export async function conversation(command, args) {
  const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'inherit'] });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const next = async () => {
    const line = await lines.next();
    if (line.done) throw new Error(`${command} ended before it answered`);
    return line.value;
  };
  return {
    pid: /** @type {number} */ (child.pid),
    next,
    /** @param {string} line */
    async ask(line) {
      child.stdin.write(`${line}\n`);
      return next();
    },
    async end() {
      if (child.exitCode !== null) return;
      const closed = once(child, 'close');
      child.stdin.end();
      await closed;
    },
  };
}
