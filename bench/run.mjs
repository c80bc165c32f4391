#!/usr/bin/env node
// @ts-check
/**
 * `node bench/run.mjs [NAME…]`: runs the benchmarks, all without names. Each builds and runs its
 * baseline in the same invocation; a goal that is not met is printed as missed and is no error.
 */
import os from 'node:os';

/** @type {Record<string, () => Promise<() => Promise<void>>>} */
const BENCHMARKS = {
  drain: async () => (await import('./src/drain.mjs')).drain,
  live: async () => (await import('./src/live.mjs')).live,
  start: async () => (await import('./src/start.mjs')).start,
  attach: async () => (await import('./src/attach.mjs')).attach,
  'cost-go': async () => (await import('./src/cost.mjs')).costOfGo,
  'cost-c': async () => (await import('./src/cost.mjs')).costOfC,
  small: async () => (await import('./src/cost.mjs')).small,
  'matrix-images': async () => (await import('./src/matrix.mjs')).matrixImages,
  matrix: async () => (await import('./src/matrix.mjs')).matrix,
  'matrix-releases': async () => (await import('./src/matrix.mjs')).matrixReleases,
  watch: async () => (await import('./src/watch.mjs')).watch,
  stacks: async () => (await import('./src/stacks.mjs')).stacks,
  symbolize: async () => (await import('./src/symbolize.mjs')).symbolize,
};

const names = process.argv.length > 2 ? process.argv.slice(2) : Object.keys(BENCHMARKS);
const unknown = names.find(name => !(name in BENCHMARKS));
if (unknown !== undefined) {
  console.error(`bench: no benchmark ${unknown}; there are ${Object.keys(BENCHMARKS).join(', ')}`);
  process.exit(2);
}
console.log(
  `Linux ${os.release()} ${os.arch()}, ${os.cpus().length} CPUs, Node ${process.version}`,
);
for (const name of names) {
  console.log(`\n${name}`);
  const load = BENCHMARKS[name];
  if (load !== undefined) await (await load())();
}
