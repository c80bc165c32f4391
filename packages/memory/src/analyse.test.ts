/**
 * Simulated processes with known habits, from seeds: who is accused, and what the verdict says.
 * Every scenario runs for several seeds, so that no expectation rests on one lucky draw.
 */
import t from 'tap';
import { analyse } from './analyse.js';
import type { Analysis } from './analysis.js';
import type { Frame } from './observation.js';
import { exponential } from './testing/random.js';
import {
  simulate,
  simulatedProbe,
  type ProcessOptions,
  type Source,
} from './testing/simulated-process.js';

const MiB = 1024 * 1024;
// A busy machine takes its time over a million rows.
t.setTimeout(120_000);

const SEEDS = [1, 2, 3];

const frame = (name: string, kind: Frame['kind']): Frame => ({
  function: name,
  module: '/srv/app',
  kind,
  inlined: false,
});

/** Stack n is `grab_n`, called by Go's `main.owner_n` through cgo's wrapper. */
const frames = (stack: number) => [
  frame(`grab_${stack}`, 'c'),
  frame(`main._Cfunc_grab_${stack}`, 'go'),
  frame(`main.owner_${stack}`, 'go'),
];

function run(options: ProcessOptions, minAgeSeconds = 5): Analysis {
  const { seen, residentPages } = simulate(options);
  const surroundings = { pageBytes: 4096, minAgeNs: minAgeSeconds * 1e9, frames };
  return options.ended === 'target-exited'
    ? analyse(seen, surroundings)
    : analyse(seen, { ...surroundings, residentPages });
}

const leak = (stack: number, perSecond: number, sizeBytes: number): Source => ({
  stack,
  perSecond,
  sizeBytes,
  life: () => Infinity,
});

/** Blocks in flight: short exponential lives. */
const churn = (stack: number, perSecond: number, sizeBytes: number, mean = 0.5): Source => ({
  stack,
  perSecond,
  sizeBytes,
  life: random => Math.min(4.5, exponential(random, mean)),
});

/** The analyses of the same process under every seed. */
function forSeeds(options: Omit<ProcessOptions, 'seed'>): readonly Analysis[] {
  return SEEDS.map(seed => run({ ...options, seed }));
}

t.test('a leak among heavy churn is the first suspect, with its bytes and its rate', async t => {
  const sources = [
    leak(3, 100, 2000),
    churn(1, 3000, 512),
    churn(2, 500, 16384),
    churn(4, 50, 65536),
  ];
  for (const it of forSeeds({ sources, warmSeconds: 10 })) {
    t.equal(it.verdict.class, 'c-leak');
    t.match(
      it.suspects.map(suspect => suspect.stack),
      [3],
    );
    const [first] = it.suspects;
    const truth = 20 * 100 * 2000;
    t.ok(Math.abs(first!.bytes / truth - 1) < 0.1, `${first!.bytes} of ${truth}`);
    t.ok(Math.abs(first!.bytesPerSecond / 200_000 - 1) < 0.15, `${first!.bytesPerSecond}`);
    t.equal(first!.touchedShare, 1);
    t.match(it.verdict.sentence, /leaks at .*: grab_3, called from Go main\.owner_3, holds/);
    t.same(it.verdict.caveats, []);
  }
});

t.test('a leak in the same stack as much more churn is accused all the same', async t => {
  const sources = [leak(0, 20, 4096), churn(0, 800, 4096)];
  for (const it of forSeeds({ sources, warmSeconds: 10 })) {
    t.equal(it.verdict.class, 'c-leak');
    t.ok(it.suspects[0]!.agedBytes > 15 * 20 * 4096 * 0.7);
  }
});

t.test('two leaks: the faster one comes first', async t => {
  const sources = [leak(1, 40, 1000), leak(2, 40, 9000), churn(0, 1000, 100)];
  for (const it of forSeeds({ sources })) {
    t.same(
      it.suspects.map(suspect => suspect.stack),
      [2, 1],
    );
    t.match(it.verdict.sentence, /with 1 more stack/);
  }
});

t.test('churn alone accuses nobody, whatever its rate', async t => {
  const sources = [churn(0, 2000, 256), churn(1, 100, 100_000), churn(2, 5, MiB, 2)];
  for (const it of forSeeds({ sources, warmSeconds: 10 })) {
    t.equal(it.verdict.class, 'none');
    t.same(it.suspects, []);
    t.match(it.verdict.sentence, /^No leak: /);
  }
});

t.test('a cache that fills and stops is a holder, not a suspect', async t => {
  const fill = { ...leak(1, 400, 8192), from: 0, to: 9 };
  for (const it of forSeeds({ sources: [fill, churn(0, 500, 300)] })) {
    t.equal(it.verdict.class, 'none');
    t.same(it.suspects, []);
    t.equal(it.holders[0]!.stack, 1);
    t.match(it.holders[0]!.why, /stopped/);
    t.equal(it.verdict.where, 'c-heap');
  }
});

t.test('a step in the middle of the window is not a leak', async t => {
  const step = { ...leak(1, 5000, 1000), from: 9, to: 10 };
  for (const it of forSeeds({ sources: [step] })) {
    t.equal(it.verdict.class, 'none');
    t.same(it.suspects, []);
  }
});

t.test('a cache that evicts the oldest turns over', async t => {
  const evicting = { ...churn(1, 300, 4096), life: () => 8 };
  for (const it of forSeeds({ sources: [evicting], warmSeconds: 20 })) {
    t.equal(it.verdict.class, 'none');
    t.match(it.holders[0]!.why, /cache that evicts|turns over|does not grow/);
  }
});

t.test('a cache that evicts at random turns over', async t => {
  const evicting: Source = { ...churn(1, 300, 4096), life: random => exponential(random, 10) };
  for (const it of forSeeds({ sources: [evicting], warmSeconds: 60 })) {
    t.equal(it.verdict.class, 'none');
    t.same(it.suspects, []);
  }
});

t.test('a cache whose entries outlive the window looks like a leak, and is let go', async t => {
  const slow: Source = { ...churn(1, 300, 4096), life: () => 60 };
  for (const it of forSeeds({ sources: [slow], warmSeconds: 90 })) {
    t.equal(it.verdict.class, 'none');
    t.match(it.holders[0]!.why, /blocks from before the trace were freed/);
    t.ok(it.cHeap!.freedBeforeAttach > 4000);
  }
});

t.test(
  'a leak out of memory that was resident before shows as reused, not as growth of RSS',
  async t => {
    for (const it of forSeeds({ sources: [leak(0, 100, 4000)], recycledBytes: 16 * MiB })) {
      t.equal(it.verdict.class, 'c-leak');
      t.equal(it.suspects[0]!.touchedShare, 1);
      t.ok(it.suspects[0]!.reusedBytes! > 0.95 * it.suspects[0]!.bytes);
      t.equal(it.growth.cHeapResidentBytes, 0);
    }
  },
);

t.test('a leak of fresh memory is touched and not reused', async t => {
  for (const it of forSeeds({ sources: [leak(0, 1000, 400)] })) {
    t.ok(it.suspects[0]!.reusedBytes! < 0.02 * it.suspects[0]!.bytes);
    t.ok(it.suspects[0]!.touch!.medianDelayNs < 1e6);
    t.equal(it.suspects[0]!.touch!.frames[0]!.function, 'grab_0');
  }
});

t.test('memory of nobody who is watched is not explained, with its bytes', async t => {
  for (const it of forSeeds({ sources: [churn(0, 500, 300)], otherRss: at => at * 1.5 * MiB })) {
    t.equal(it.verdict.class, 'unexplained');
    t.equal(it.verdict.where, 'elsewhere');
    t.ok(Math.abs(it.verdict.notExplainedBytes / (30 * MiB) - 1) < 0.15);
  }
});

t.test('growth that stopped is not called unexplained', async t => {
  const otherRss = (at: number) => Math.min(at, 6) * 4 * MiB;
  t.equal(run({ seed: 1, sources: [churn(0, 500, 300)], otherRss }).verdict.class, 'none');
});

t.test('what grows to the end of a short window is not called no leak', async t => {
  // Many stacks, of which none has taken three blocks in the first three seconds.
  const sources = Array.from({ length: 600 }, (_, stack) => leak(stack, 0.03, 64 * 1024));
  for (const it of forSeeds({ sources, seconds: 8 })) {
    t.equal(it.verdict.class, 'unexplained');
    t.match(it.verdict.sentence, /too short a time .*: only what was taken in the first 3 s/);
  }
  const traffic = { sources: [churn(0, 500, 300)], seconds: 12 };
  for (const it of forSeeds(traffic)) t.equal(it.verdict.class, 'none');
});

t.test('a window shorter than the age accuses nobody and says why', async t => {
  for (const it of forSeeds({ sources: [leak(0, 300, 4096)], seconds: 5 })) {
    t.equal(it.verdict.class, 'unexplained');
    t.match(it.verdict.sentence, /too short a time/);
    t.same(it.suspects, []);
  }
});

t.test(
  'missed events as many as the blocks that are held acquit; few only lower the claim',
  async t => {
    const sources = [leak(0, 50, 4096)];
    const many = run({ seed: 1, sources, losses: { 'cgo-malloc': { probeMissed: 900 } } });
    t.not(many.verdict.class, 'c-leak');
    t.match(many.holders[0]!.why, /events were missed/);
    const few = run({ seed: 1, sources, losses: { 'cgo-malloc': { probeMissed: 3 } } });
    t.equal(few.verdict.class, 'c-leak');
    t.match(few.verdict.sentence, /probably leaks/);
    t.match(few.verdict.caveats, [/3 hits were missed by the kernel/]);
  },
);

t.test('lost stacks lower what is claimed: a suspect may be larger than it looks', async t => {
  const sources = [leak(0, 100, 4096)];
  const whole = run({ seed: 1, sources });
  const cut = run({ seed: 1, sources, losses: { 'cgo-malloc': { stackLost: 900 } } });
  t.notMatch(whole.verdict.sentence, /probably/);
  t.match(cut.verdict.sentence, /probably leaks/);
  t.match(cut.verdict.caveats, [/900 stacks were lost/]);
});

t.test('without free nobody is accused', async t => {
  const free = { attached: false, error: 'symbol not found', sites: [] };
  const probes = [simulatedProbe('cgo-malloc', ['malloc', 'mallocReturn', 'free'], { free })];
  const it = run({ seed: 1, sources: [leak(0, 100, 4096)], probes });
  t.not(it.verdict.class, 'c-leak');
  t.match(it.verdict.caveats[0]!, /free is not attached/);
});

t.test('what the brake took off ends the evidence there, and the sentence says so', async t => {
  const malloc = { detachedAtNs: 14e9, detachReason: 'overhead 13 % of 10 %' };
  const probes = [simulatedProbe('cgo-malloc', ['malloc', 'mallocReturn', 'free'], { malloc })];
  const it = run({ seed: 1, sources: [leak(0, 100, 4096)], probes });
  t.equal(it.verdict.class, 'c-leak');
  t.match(it.verdict.sentence, /probably leaks .* within 14 s/);
  t.match(it.verdict.caveats[0]!, /malloc was taken off after 14 s \(overhead 13 % of 10 %\)/);
});

t.test('what the brake took off too early leaves growth unexplained', async t => {
  const malloc = { detachedAtNs: 1e9, detachReason: 'too hot' };
  const probes = [simulatedProbe('cgo-malloc', ['malloc', 'mallocReturn', 'free'], { malloc })];
  const goHeap = (at: number) => ({ inUse: (8 + at) * MiB, cycles: at, marked: (5 + at) * MiB });
  const otherRss = (at: number) => at * 50 * MiB;
  const it = run({ seed: 1, sources: [leak(0, 100, 4096)], probes, goHeap, otherRss });
  t.equal(it.verdict.class, 'unexplained', 'the smaller growth of the Go heap is not the answer');
  t.match(it.verdict.sentence, /could be followed for 1 s only, in which it grew by/);
  t.match(it.verdict.next, /--max-overhead/);
});

t.test('where only births were taken off, what never died is still accused', async t => {
  const malloc = { detachedAtNs: 1e9, detachReason: 'too hot' };
  const names = ['malloc', 'mallocReturn', 'free'];
  const probes = [simulatedProbe('cgo-malloc', names, { malloc })];
  const it = run({ seed: 1, sources: [leak(0, 100, 4096), churn(1, 500, 4096)], probes });
  t.equal(it.verdict.class, 'c-leak');
  t.match(it.verdict.sentence, /probably leaks .* within 1 s/);
  t.match(it.verdict.caveats[0]!, /what was allocated later is not known/);
  t.equal(it.suspects.length, 1, 'traffic is not accused');
  const both = { malloc, free: { attached: false, error: 'too hot', detachedAtNs: 2e9 } };
  const blind = run({
    seed: 1,
    sources: [leak(0, 100, 4096)],
    probes: [simulatedProbe('cgo-malloc', names, both)],
  });
  t.not(blind.verdict.class, 'c-leak', 'without deaths nobody is');
});

t.test('an accusation says what it does not explain', async t => {
  const it = run({ seed: 1, sources: [leak(0, 100, 4096)], otherRss: at => at * 5 * MiB });
  t.equal(it.verdict.class, 'c-leak');
  t.match(it.verdict.caveats, [/beside it, .* of the growth of RSS is not explained/]);
});

t.test('a call in flight at the attach lowers nothing, and is told all the same', async t => {
  const losses = { 'cgo-malloc': { unpaired: 1 } };
  const it = run({ seed: 1, sources: [leak(0, 50, 4096)], losses });
  t.match(it.verdict.sentence, /memory leaks/);
  t.match(it.verdict.caveats, [/1 call was seen at one end only/]);
});

t.test(
  'probes that must have seen calls and saw none are an error, not a clean verdict',
  async t => {
    const quiet = { sites: [{ location: 'malloc', costClass: 'emulated', hits: 0 }] };
    const probes = [
      simulatedProbe('cgo-malloc', ['malloc', 'free'], { malloc: quiet, free: quiet }),
    ];
    const { seen } = simulate({ seed: 1, probes });
    const cHeap = { ...seen.cHeap!, brkGrowthBytes: 8 * MiB };
    const surroundings = { pageBytes: 4096, minAgeNs: 5e9, frames };
    const { verdict } = analyse({ ...seen, cHeap }, surroundings);
    t.match(verdict.failed, /grew by 8 MiB, and the probes on malloc saw not one call/);
    t.equal(verdict.class, 'unexplained');
    const still = analyse(seen, surroundings).verdict;
    t.equal(still.failed, undefined);
    t.match(still.sentence, /not proof: .* was not hit once/);
  },
);

t.test('after the target is gone nobody says which pages were resident', async t => {
  const it = run({ seed: 1, sources: [leak(0, 100, 4096)], ended: 'target-exited' });
  t.equal(it.verdict.class, 'c-leak');
  t.equal(it.suspects[0]!.touchedShare, undefined);
  t.match(it.verdict.caveats[0]!, /target exited/);
});

t.test('the same observation gives the same analysis', async t => {
  const options = { seed: 9, sources: [leak(0, 100, 4096), churn(1, 900, 100)] };
  t.same(run(options), run(options));
});

t.test('a million live allocations are analysed, each page counted once', async t => {
  const rows = 1_000_000;
  const address = Float64Array.from({ length: rows }, (_, row) => 0x7f00_0000_0000 + row * 80);
  const live = {
    address,
    sizeBytes: new Float64Array(rows).fill(64),
    stack: Uint32Array.from({ length: rows }, (_, row) => row % 5),
    atNs: Float64Array.from({ length: rows }, (_, row) => row * 20_000),
  };
  const { seen } = simulate({ seed: 1 });
  const five = () => new Float64Array(5).fill(rows / 5);
  const held = Array.from({ length: 21 }, (_, at) => ({
    atNs: at * 1e9,
    heldBytes: new Float64Array(5).fill(at * 0.64e6),
    freedBeforeAttach: 0,
  }));
  const cHeap = {
    allocs: five(),
    frees: five(),
    allocBytes: five(),
    freeBytes: five(),
    held,
    live,
  };
  const residentPages = (ranges: { start: Float64Array; end: Float64Array }) =>
    new Uint8Array((ranges.end[0]! - ranges.start[0]!) / 4096).fill(1);
  const it = analyse({ ...seen, cHeap }, { pageBytes: 4096, minAgeNs: 5e9, frames, residentPages });
  t.equal(it.suspects.length, 5);
  t.equal(it.suspects[0]!.bytes, 200_000 * 64);
  t.equal(it.suspects[0]!.touchedShare, 1);
});
