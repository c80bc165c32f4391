// @ts-check
/**
 * Whole stacks at malloc: what a pair of malloc and free costs with stack and live map, by depth of
 * the C stack; and what it takes until the kernel can walk stacks alone: rules found per second,
 * copies sent, time per copy. What a reader would get wrong: "an empty program at the same places"
 * is the floor of three traps (malloc, its return, free); "an empty pair" leaves out the return,
 * without which nobody knows the address that malloc gave.
 */
import { findMemleak, withMemleak } from './memleak.mjs';
import { rulesPerSecond } from './rules.mjs';
import { alternate, row, summarize, threadCpuNs } from './measure.mjs';
import { programTimes } from './programs.mjs';
import {
  bpftraceMissing,
  cTool,
  hitPlaces,
  startPaced,
  withBpftrace,
  withSonde,
} from './traced.mjs';

const DEPTHS = [2, 14, 42];
const GOAL_DEPTH = 14;
const GOAL_RATIO = 1.6;
const GOAL_MISS_US = 5;
const ROUNDS = 4;
/** Small windows: on a shared machine the least of many is what was not disturbed. */
const WINDOWS = 25;
const PAIRS = 2000;
const WARM_UP_MS = 150;
const REQUEST = /** @type {const} */ ({ probe: 'cgo-malloc', mode: 'aggregate' });
const STREAM = /** @type {const} */ ({ probe: 'cgo-malloc', mode: 'stream' });

const BPFTRACE_COUNT =
  'uprobe:libc:malloc { @[ustack] = count(); } uprobe:libc:free { @f = count(); }';
const BPFTRACE_LIVE = `uprobe:libc:malloc { @size[tid] = arg0; }
  uretprobe:libc:malloc /@size[tid]/ {
    @live[retval] = @size[tid]; @bytes[ustack] = sum(@size[tid]); delete(@size[tid]); }
  uprobe:libc:free { delete(@live[arg0]); }`;

/** @typedef {Awaited<ReturnType<typeof startPaced>>} Paced */
/** @typedef {import('@sonde/core').Session} Session */

/** Prints all of it. */
export async function stacks() {
  const paced = await startPaced(['nogc']);
  const missing = bpftraceMissing();
  const memleak = await findMemleak();
  const others = {
    bpftrace: missing === undefined,
    ...(typeof memleak !== 'string' && { memleak }),
  };
  for (const depth of DEPTHS) await costAt(paced, depth, others);
  if (missing !== undefined) console.log(`  bpftrace: skipped, ${missing}`);
  console.log(`  memleak: ${typeof memleak === 'string' ? `skipped, ${memleak}` : memleak.name}`);
  await missesAt(paced);
  await convergence(paced);
  await paced.end();
  rulesPerSecond();
}

/**
 * Processor time of one pair in ns: the least of many windows.
 * @param {Paced} paced
 */
async function pairNs(paced) {
  let least = Infinity;
  for (let window = 0; window < WINDOWS; window++) {
    least = Math.min(least, await paced.roundNs('malloc', PAIRS));
  }
  return least;
}

/** @param {Paced} paced @param {number} ms until the first rules are in and nothing is timed */
async function warmUp(paced, ms) {
  for (const end = performance.now() + ms; performance.now() < end;) {
    await paced.roundNs('malloc', 100);
  }
}

/**
 * What the session sees at this depth: where it is hit, how many frames of C, each program's time.
 * @param {Paced} paced
 * @param {Session} session
 */
async function lookAt(paced, session) {
  await warmUp(paced, WARM_UP_MS);
  const times = await programTimes(WINDOWS, () => paced.roundNs('malloc', PAIRS));
  const { goTextStart = 0n, goTextEnd = 0n } = session.process.config();
  const counted = session.readMap('cgo-malloc', 'byStack').keys;
  const places = hitPlaces(session);
  return { places, times, counted, go: [goTextStart, goTextEnd] };
}

/**
 * @param {Paced} paced
 * @param {number} depth
 * @param {{ bpftrace: boolean, memleak?: import('./memleak.mjs').Memleak }} others
 */
async function costAt(paced, depth, { bpftrace, memleak }) {
  const { pid } = paced;
  await paced.roundNs('frames', depth);
  const { places, times } = await withSonde(pid, [REQUEST], session => lookAt(paced, session));
  const sample = () => pairNs(paced);
  /** @param {import('./traced.mjs').Place[]} at */
  const held = async at => {
    const tool = await cTool('hold', pid, at);
    await tool.next();
    const ns = await sample();
    await tool.end();
    return ns;
  };
  const result = await alternate(ROUNDS, {
    none: sample,
    pair: () => held(places.filter(place => !place.returns)),
    empty: () => held(places),
    sonde: () =>
      withSonde(pid, [REQUEST], async () => {
        await warmUp(paced, WARM_UP_MS);
        return sample();
      }),
    ...(bpftrace && {
      count: () => withBpftrace(pid, BPFTRACE_COUNT, sample),
      live: () => withBpftrace(pid, BPFTRACE_LIVE, sample),
    }),
    ...(memleak && { memleak: () => withMemleak(memleak, pid, sample) }),
  });
  console.log(`${depth} frames of C`);
  const sonde = /** @type {import('./measure.mjs').Summary} */ (result['sonde']);
  for (const [name, title] of TITLES) {
    const summary = result[name];
    if (summary !== undefined) row(`  ${title}`, summary, 'ns');
  }
  for (const [name, title] of /** @type {const} */ ([
    ['empty', 'the empty program at the same places'],
    ['pair', 'the empty pair'],
  ])) {
    const ratio = sonde.min / /** @type {any} */ (result[name]).min;
    const verdict = ratio <= GOAL_RATIO ? 'met' : 'MISSED';
    const goal = depth === GOAL_DEPTH ? ` (goal <= ${GOAL_RATIO}: ${verdict})` : '';
    console.log(`    Sonde / ${title}, minima: ${ratio.toFixed(2)}${goal}`);
  }
  const programs = [...times].map(([name, { ns }]) => `${name} ${ns.toFixed(0)}`);
  console.log(`    ns in a program, with the kernel's bookkeeping: ${programs.join(', ')}`);
}

const TITLES = /** @type {const} */ ([
  ['none', 'malloc + free, not traced'],
  ['pair', 'an empty pair: malloc and free'],
  ['empty', 'an empty program at the same places'],
  ['sonde', 'Sonde: stack and live map'],
  ['count', 'bpftrace: ustack counted, free counted'],
  ['live', 'bpftrace: ustack, sizes and live map'],
  ['memleak', 'memleak: ustack, sizes and live map'],
]);

/**
 * Time of a copy that the kernel could not walk, where all of its rules are known: the program runs
 * while nobody reads the ring, so that hundreds of copies of one stack are read at once.
 * @param {Paced} paced
 */
async function missesAt(paced) {
  console.log('copies that user space unwinds, rules known');
  for (const depth of DEPTHS) {
    await paced.roundNs('frames', depth);
    const native = [];
    const ours = [];
    for (let round = 0; round < 2 * ROUNDS; round++) {
      native.push((await paced.roundNs('backtrace', PAIRS)) / 1000);
      ours.push(await withSonde(paced.pid, [STREAM], session => copyUs(paced, session)));
    }
    row(`  ${depth} frames, libgcc's unwinder in the program`, summarize(native), 'us');
    const summary = summarize(ours.slice(ROUNDS));
    const goal = { value: summary.min, goal: GOAL_MISS_US, what: 'least us a copy' };
    row(`  ${depth} frames, a copy`, summary, 'us', goal);
  }
}

/** Pairs of the burst; the ring has room for the copies of all. */
const BURST = 400;

/** @param {Paced} paced @param {Session} session microseconds of a copy */
async function copyUs(paced, session) {
  const answer = paced.roundNs('malloc', BURST);
  // Blocks this thread, and with it the reader of the ring.
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 100);
  const before = threadCpuNs();
  session.drain();
  const ns = threadCpuNs() - before;
  await answer;
  return ns / 1000 / (session.unwinding()?.copies ?? NaN);
}

/**
 * How many copies it takes until the rules are in, at full speed: a thousand functions, two
 * thousand stacks of 14 frames, and a session that starts with no rule at all.
 * @param {Paced} paced
 */
async function convergence(paced) {
  await paced.roundNs('frames', 2);
  const copies = [];
  const losses = [];
  let rules = 0;
  let counted = 0;
  for (let round = 0; round < ROUNDS; round++) {
    await withSonde(paced.pid, [REQUEST], async session => {
      await paced.roundNs('wander', 50_000);
      session.drain();
      session.refresh();
      const unwinding = session.unwinding();
      const { stackLost, ringFull } = session.losses();
      copies.push(unwinding?.copies ?? NaN);
      losses.push(stackLost + ringFull);
      rules = unwinding?.rules ?? NaN;
      counted = 50_000;
    });
  }
  console.log(`full speed, no rules at first: ${counted} mallocs from 2048 stacks, ${rules} rules`);
  row('  copies until the rules are in', summarize(copies), 'copies');
  row('  stacks lost', summarize(losses), 'stacks');
}
