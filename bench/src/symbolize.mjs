// @ts-check
/**
 * Naming addresses of a large stripped Go program, against Go's debug/gosym in a Go program and
 * `go tool addr2line`. Each run of ours is a process of its own, so that opening is cold and its
 * memory is its own. What a reader would get wrong: Go's tools name the outermost function alone,
 * ours builds every inlined frame too; and `first` includes decoding what a batch touches.
 */
import { execaSync } from 'execa';
import { existsSync, mkdirSync, statSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { OUT } from './build.mjs';
import { summarize } from './measure.mjs';

const BENCH = fileURLToPath(new URL('..', import.meta.url));
const PROGRAM = 'github.com/prometheus/prometheus/cmd/prometheus';
const VERSION = 'v0.313.5';
const COUNT = 1_000_000;
/** `go tool addr2line` and debug/gosym take microseconds for each address: they get fewer. */
const FEW = 100_000;
const ROUNDS = 5;
const SEED = 12345;

const ENVIRONMENT = { GOFLAGS: '-mod=mod', GOTOOLCHAIN: 'local', GOWORK: 'off', CGO_ENABLED: '0' };

/** Builds the program that is symbolized, stripped, in a module of its own; kept between runs. */
function largeProgram() {
  const folder = `${OUT}/symbolized`;
  const program = `${folder}/program-${VERSION}`;
  if (existsSync(program)) return program;
  mkdirSync(folder, { recursive: true });
  writeFileSync(`${folder}/go.mod`, 'module sonde.invalid/symbolized\n\ngo 1.26.0\n');
  const options = { cwd: folder, env: ENVIRONMENT };
  console.log(`building ${PROGRAM} ${VERSION}, which takes minutes once`);
  execaSync('go', ['get', '-tool', `${PROGRAM}@${VERSION}`], options);
  execaSync('go', ['build', '-ldflags=-s -w', '-o', program, PROGRAM], options);
  return program;
}

/** Builds the baseline of debug/gosym. */
function gosymProgram() {
  const options = { cwd: `${BENCH}native/gosym`, env: ENVIRONMENT };
  execaSync('go', ['build', '-o', `${OUT}/gosym`, '.'], options);
  return `${OUT}/gosym`;
}

/**
 * What a fresh process of ours measures; run by `measureOurs` with `node --input-type=module`.
 * It prints one JSON line.
 */
const OURS = `
import { readFileSync } from 'node:fs';
import { openElf, openFileReader, openGoProgram } from '@sonde/symbols';
const [program, random, sorted, other] = process.argv.slice(1);
const read = path => new Float64Array(new Uint8Array(readFileSync(path)).buffer);
const before = process.memoryUsage().rss;
let start = performance.now();
const go = openGoProgram(openElf(openFileReader(program)));
const { minpc, maxpc } = go.pclntab.module;
const openMs = performance.now() - start;
const openBytes = process.memoryUsage().rss - before;
// Read only now: what reading leaves behind would be counted as freed by opening.
const batches = random ? [random, sorted, other].map(read) : [];
const time = batch => {
  start = performance.now();
  const { frameListOf, firstFrame, lineOf } = go.pclntab.symbolizeMany(batch);
  const seconds = (performance.now() - start) / 1000;
  let named = 0;
  for (const list of frameListOf) if (list > 0 && lineOf[firstFrame[list]] > 0) named++;
  return { perSecond: batch.length / seconds, named };
};
const [first, ordered, again] = batches.map(time);
console.log(JSON.stringify({ minpc, maxpc, openMs, openBytes, first, ordered, again }));
`;

/** @param {readonly string[]} args */
function measureOurs(args) {
  const done = execaSync(process.execPath, ['--input-type=module', '-e', OURS, '--', ...args], {
    cwd: BENCH,
  });
  return JSON.parse(done.stdout);
}

/**
 * Addresses spread over the code by a fixed generator, as doubles.
 * @param {number} seed @param {number} low @param {number} high
 */
function addressesIn(seed, low, high) {
  let state = seed;
  return Float64Array.from({ length: COUNT }, () => {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0;
    return low + Math.floor((state / 2 ** 32) * (high - low));
  });
}

/**
 * Prints one line; a goal is met by the median, from below or (`more`) from above.
 * @param {string} name
 * @param {readonly number[]} samples
 * @param {string} unit
 * @param {number} [goal]
 * @param {boolean} [more]
 */
function line(name, samples, unit, goal, more = false) {
  const { n, min, median } = summarize(samples);
  const best = more ? Math.max(...samples) : min;
  const met = goal === undefined || (more ? median >= goal : median <= goal) ? 'met' : 'MISSED';
  const verdict = goal === undefined ? '' : `  (goal ${more ? '>=' : '<='} ${goal}: ${met})`;
  const cells = `n=${n}  best ${best.toFixed(2)}  median ${median.toFixed(2)} ${unit}`;
  console.log(`${name.padEnd(44)} ${cells}${verdict}`);
}

/**
 * Microseconds that `go tool addr2line` takes for an address, its start included.
 * @param {string} program
 * @param {BigUint64Array} addresses
 */
function toolTime(program, addresses) {
  const input = [...addresses].map(a => `0x${a.toString(16)}`).join('\n');
  const start = performance.now();
  execaSync('go', ['tool', 'addr2line', program], { input, env: ENVIRONMENT });
  return ((performance.now() - start) * 1000) / addresses.length;
}

/**
 * Prints the table.
 * @param {any[]} ours what each process of ours printed
 * @param {number[][]} theirs what each process of the baseline printed
 * @param {number} tool
 */
function report(ours, theirs, tool) {
  const of = (/** @type {(o: any) => number} */ pick) => ours.map(pick);
  const by = (/** @type {number} */ n) => theirs.map(t => t[n] ?? NaN);
  const rates = (/** @type {string} */ batch) => of(o => o[batch].perSecond / 1e6);
  line('open, debug/gosym', by(0), 'ms');
  line(
    'open, Sonde',
    of(o => o.openMs),
    'ms',
    50,
  );
  const openMb = of(o => o.openBytes / 1e6);
  line(
    'memory of opening, debug/gosym',
    by(1).map(n => n / 1e6),
    'MB',
  );
  line('memory of opening, Sonde', openMb, 'MB', 100);
  line('an address, go tool addr2line with its start', [tool], 'us');
  const gosymRates = by(2).map(ns => 1e3 / ns);
  line('addresses, debug/gosym', gosymRates, 'M/s', undefined, true);
  line('addresses, random, the first batch', rates('first'), 'M/s', 1, true);
  line('addresses, random, a later batch', rates('again'), 'M/s', 1, true);
  line('addresses, sorted, a later batch', rates('ordered'), 'M/s', 5, true);
  const named = ((ours[0].first.named / COUNT) * 100).toFixed(2);
  const gosymNamed = (((by(3)[0] ?? 0) / FEW) * 100).toFixed(2);
  console.log(`with a line: Sonde ${named} %, debug/gosym ${gosymNamed} %`);
}

/** Runs the comparison and prints its table. */
export async function symbolize() {
  const program = largeProgram();
  const gosym = gosymProgram();
  console.log(`${PROGRAM} ${VERSION}, stripped, ${(statSync(program).size / 1e6).toFixed(0)} MB`);
  const { minpc, maxpc } = measureOurs([program]);
  const random = addressesIn(SEED, minpc, maxpc);
  const other = addressesIn(SEED + 1, minpc, maxpc);
  const files = {
    random,
    sorted: other.slice().sort(),
    other: addressesIn(SEED + 2, minpc, maxpc),
  };
  for (const [name, column] of Object.entries(files)) writeFileSync(`${OUT}/${name}.f64`, column);
  const few = BigUint64Array.from(random.subarray(0, FEW), BigInt);
  writeFileSync(`${OUT}/few.u64`, few);
  /** @type {any[]} */
  const ours = [];
  /** @type {number[][]} */
  const theirs = [];
  for (let round = 0; round < ROUNDS; round++) {
    ours.push(measureOurs([program, ...Object.keys(files).map(name => `${OUT}/${name}.f64`)]));
    theirs.push(
      execaSync(gosym, [program, `${OUT}/few.u64`])
        .stdout.split(' ')
        .map(Number),
    );
  }
  report(ours, theirs, toolTime(program, few.subarray(0, FEW / 10)));
}
