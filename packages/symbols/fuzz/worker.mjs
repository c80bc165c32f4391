/**
 * One thread that changes programs and reads them. What a reader would get wrong: it says which
 * input it is at before it begins, so that whoever watches it can name the input that hangs.
 */
import { readlinkSync } from 'node:fs';
import { basename } from 'node:path';
import { parentPort, workerData } from 'node:worker_threads';
import { applyEdits, editsOf, numbers } from './mutate.mjs';
import { readEverything } from './read-everything.mjs';
import { loadSeed } from './seeds.mjs';

/** @type {{ names: string[], seed: number, first: number, step: number, at: Int32Array }} */
const { names, seed, first, step, at } = workerData;
// Whoever watches asks the kernel for this thread's processor time, by its number.
Atomics.store(at, 2, Number(basename(readlinkSync('/proc/thread-self'))));
const seeds = names.map(loadSeed);
for (let input = first; ; input += step) {
  Atomics.store(at, 0, input);
  const { program, edits } = inputOf(input);
  try {
    readEverything(applyEdits(program.bytes, edits));
  } catch (error) {
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
    parentPort?.postMessage({ input, name: program.name, edits, text });
  }
  Atomics.add(at, 1, 1);
}

/**
 * @param {number} input its number
 * @returns {{ program: ReturnType<typeof loadSeed>, edits: import('./mutate.mjs').Edit[] }}
 */
function inputOf(input) {
  const random = numbers(Math.imul(seed, 0x85ebca6b) ^ Math.imul(input + 1, 0xc2b2ae35));
  const program = /** @type {ReturnType<typeof loadSeed>} */ (seeds[random(seeds.length)]);
  return { program, edits: editsOf(random, program) };
}
