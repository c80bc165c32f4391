/**
 * Reads damaged programs for a while: `node fuzz.mjs [--seconds N] [--seed N] [--seeds a,b]`. Exits
 * with 1 when nothing was read, or a reader threw an error of the wrong class, did too much work,
 * took more than two seconds of processor time, or more memory than its share; each finding is made
 * smaller and kept in regressions/ as a recipe. What a reader would get wrong: the same seed gives
 * the same inputs, but how many of them fit into the time depends on the machine.
 */
import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { Worker } from 'node:worker_threads';
import { applyEdits, editsOf, numbers } from './mutate.mjs';
import { loadSeed, SEEDS } from './seeds.mjs';
import { readEverything } from './read-everything.mjs';

/** Of the thread's own processor time: on a busy machine others use most of what passes. */
const HANG_MS = 2000;
/** Of any time: a thread that sleeps uses no processor. */
const ASLEEP_MS = 60_000;
const POLL_MS = 200;
/** Loading the seeds and compiling the readers is no hang. */
const START_MS = 120_000;
const MEMORY_MB = 512;
const THREADS = 2;
const FINDINGS_MAX = 20;

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '20' },
    seed: { type: 'string', default: '1' },
    seeds: { type: 'string', default: SEEDS.join(',') },
  },
});
const seed = Number(values.seed);
const names = values.seeds.split(',');
console.log(`fuzz symbols: seed ${seed}, ${values.seconds} s, programs ${names.join(', ')}`);
/** @type {Map<string, object>} findings by what went wrong, so that each cause counts once */
const findings = new Map();
names.forEach(loadSeed);
// Building the programs, which later runs find built, is not part of the time.
const until = Date.now() + Number(values.seconds) * 1000;
let inputs = 0;
await Promise.all(Array.from({ length: THREADS }, (_, index) => watch(index)));
console.log(`fuzz symbols: ${inputs} inputs, ${findings.size} findings`);
process.exit(findings.size === 0 && inputs > 0 ? 0 : 1);

/**
 * Runs one thread after another until the time is over.
 *
 * @param {number} index
 */
async function watch(index) {
  let first = index;
  while (Date.now() < until && findings.size < FINDINGS_MAX) {
    const at = new Int32Array(new SharedArrayBuffer(12));
    Atomics.store(at, 0, -1);
    const workerData = { names, seed, first, step: THREADS, at };
    const worker = new Worker(new URL('worker.mjs', import.meta.url), {
      workerData,
      resourceLimits: { maxOldGenerationSizeMb: MEMORY_MB },
    });
    worker.on('message', ({ name, edits, text }) => keep(name, edits, text));
    const why = await stopped(worker, at);
    inputs += Atomics.load(at, 1);
    const input = Atomics.load(at, 0);
    if (why === undefined || input < 0) {
      if (why !== undefined) throw new Error(`fuzz symbols: the thread did not begin: ${why}`);
      return;
    }
    const { name, edits } = inputAt(input);
    keep(name, edits, why);
    first = input + THREADS;
  }
}

/**
 * @param {Worker} worker
 * @param {Int32Array} at
 * @returns {Promise<string | undefined>} why it had to end; undefined when the time was over
 */
async function stopped(worker, at) {
  /** @type {string | undefined} */
  let died;
  worker.on('error', error => (died = `thread died: ${error.message}`));
  let last = -1;
  let since = Date.now();
  let used = 0;
  for (;;) {
    await new Promise(resolve => setTimeout(resolve, POLL_MS));
    const input = Atomics.load(at, 0);
    if (input !== last) {
      last = input;
      since = Date.now();
      used = processorMs(Atomics.load(at, 2));
    }
    const slept = Date.now() - since > (input < 0 ? START_MS : ASLEEP_MS);
    const hung = slept || (input >= 0 && processorMs(Atomics.load(at, 2)) - used > HANG_MS);
    if (died === undefined && !hung && Date.now() < until) continue;
    await worker.terminate();
    return died ?? (hung ? `hang: more than ${slept ? ASLEEP_MS : HANG_MS} ms` : undefined);
  }
}

/**
 * Processor time of one of our threads so far: utime and stime of proc(5), in hundredths of a
 * second there.
 *
 * @param {number} thread its number for the kernel
 */
function processorMs(thread) {
  try {
    const stat = readFileSync(`/proc/self/task/${thread}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return 10 * (Number(fields[11]) + Number(fields[12]));
  } catch {
    // It has ended; why, says its error.
    return 0;
  }
}

/** @param {number} input */
function inputAt(input) {
  const random = numbers(Math.imul(seed, 0x85ebca6b) ^ Math.imul(input + 1, 0xc2b2ae35));
  const program = loadSeed(/** @type {string} */ (names[random(names.length)]));
  return { name: program.name, edits: editsOf(random, program) };
}

/**
 * Keeps a finding once per cause. One that throws is made smaller first: edits are left out while
 * the same error comes.
 *
 * @param {string} name
 * @param {import('./mutate.mjs').Edit[]} edits
 * @param {string} text
 */
function keep(name, edits, text) {
  const cause = text.split('\n').slice(0, 2).join(' ').replaceAll(/\d+/g, 'N');
  if (findings.has(cause)) return;
  let smallest = edits;
  if (!/^(hang|thread died)/.test(text)) {
    const { bytes } = loadSeed(name);
    for (const edit of edits) {
      const fewer = smallest.filter(each => each !== edit);
      if (fewer.length > 0 && fails(applyEdits(bytes, fewer))) smallest = fewer;
    }
  }
  const recipe = { program: name, error: text.split('\n')[0], edits: smallest };
  findings.set(cause, recipe);
  const key = createHash('sha256').update(cause).digest('hex').slice(0, 12);
  const file = fileURLToPath(new URL(`regressions/${key}.json`, import.meta.url));
  writeFileSync(file, `${JSON.stringify(recipe, undefined, 2)}\n`);
  console.log(`finding in ${name}, kept as ${file}\n${text}`);
}

/** @param {Uint8Array} bytes */
function fails(bytes) {
  try {
    readEverything(bytes);
    return false;
  } catch {
    return true;
  }
}
