// @ts-check
/**
 * What tracing costs the traced program: processor time added per large Go allocation, per pair of
 * C malloc and free, and per small allocation of a Go loop. Against an empty program at the very
 * same places (the trap alone) and against bpftrace with a map and a stack, where it is installed.
 * What a reader would get wrong: each figure is a loop with allocations less the same loop without
 * them, under the tracer, less the same difference without a tracer.
 */
import { alternate, difference, row } from './measure.mjs';
import {
  bpftraceMissing,
  cTool,
  hitPlaces,
  startPaced,
  withBpftrace,
  withSonde,
} from './traced.mjs';

const ROUNDS = 4;
const GOAL_NS = 1500;

/**
 * A one-liner as a person would write it, by loop: bytes by stack, and what is alive.
 * @param {string} exe
 */
const BPFTRACE = exe => ({
  large: `uprobe:${exe}:runtime.mallocgcLarge {
      @bytes[ustack(10)] = sum(reg("ax")); @hits = count(); }`,
  malloc: `uprobe:libc:malloc { @size[tid] = arg0; }
    uretprobe:libc:malloc /@size[tid]/ {
      @live[retval] = @size[tid]; @bytes[ustack(10)] = sum(@size[tid]); delete(@size[tid]); }
    uprobe:libc:free { delete(@live[arg0]); }`,
});

const LOOPS = /** @type {const} */ ({
  large: {
    ...{ loop: 'large', idle: 'touch', rounds: 2000, what: 'large Go allocation' },
    request: { probe: 'mallocgc' },
  },
  malloc: {
    ...{ loop: 'malloc', idle: 'spin', rounds: 20_000, what: 'C malloc/free pair' },
    request: { probe: 'cgo-malloc', mode: 'aggregate' },
  },
});

/** Prints the cost of tracing one large Go allocation. */
export const costOfGo = () => cost(LOOPS.large);

/** Prints the cost of tracing one pair of C malloc and free. */
export const costOfC = () => cost(LOOPS.malloc);

/** @param {typeof LOOPS[keyof typeof LOOPS]} of */
async function cost({ loop, idle, rounds, what, request }) {
  const paced = await startPaced(['nogc']);
  const { pid } = paced;
  const missing = bpftraceMissing();
  const sample = async () =>
    (await paced.roundNs(loop, rounds)) - (await paced.roundNs(idle, rounds));
  const { places, hits } = await withSonde(pid, [request], async session => {
    await paced.roundNs(loop, rounds);
    const places = hitPlaces(session);
    return { places, hits: session.cost().hits / rounds };
  });
  const result = await alternate(ROUNDS, {
    none: sample,
    sonde: () => withSonde(pid, [request], sample),
    empty: async () => {
      const tool = await cTool('hold', pid, places);
      await tool.next();
      const ns = await sample();
      await tool.end();
      return ns;
    },
    ...(missing === undefined
      ? { bpftrace: () => withBpftrace(pid, BPFTRACE(paced.exe)[loop], sample) }
      : {}),
  });
  const none = /** @type {import('./measure.mjs').Summary} */ (result['none']);
  row(`${what}, not traced`, none, 'ns');
  for (const [name, title] of [
    ['empty', 'an empty program at the same places'],
    ['sonde', 'Sonde'],
    ['bpftrace', 'bpftrace with map and ustack'],
  ]) {
    const summary = result[/** @type {string} */ (name)];
    if (summary === undefined) continue;
    const added = difference(summary, none);
    const goal = {
      value: added.median,
      goal: GOAL_NS,
      what: `${hits.toFixed(1)} hits, ns added`,
    };
    row(`  ${title} adds`, added, 'ns', name === 'sonde' ? goal : undefined);
  }
  if (missing !== undefined) console.log(`  bpftrace: skipped, ${missing}`);
  await paced.end();
}

/** Prints what the default probes cost a loop of small Go allocations. */
export async function small() {
  const paced = await startPaced();
  const sample = () => paced.roundNs('small', 2_000_000);
  const all = /** @type {const} */ ([
    { probe: 'mallocgc' },
    { probe: 'cgo-malloc', mode: 'aggregate' },
    { probe: 'pagefault' },
  ]);
  const result = await alternate(ROUNDS, {
    none: sample,
    sonde: () => withSonde(paced.pid, all, sample),
  });
  const none = /** @type {import('./measure.mjs').Summary} */ (result['none']);
  const traced = /** @type {import('./measure.mjs').Summary} */ (result['sonde']);
  row('small Go allocation, not traced', none, 'ns');
  row('small Go allocation, default probes', traced, 'ns');
  console.log(`  ratio of the medians ${(traced.median / none.median).toFixed(3)}`);
  await paced.end();
}
