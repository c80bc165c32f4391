/** The Go heap: retention is told from garbage by the lowest points between collections. */
import t from 'tap';
import { analyse } from './analyse.js';
import { readGoHeapTrend } from './go-heap.js';
import { heldOverTime, pairLives, stillLiving } from './go-lives.js';
import type { Frame, GoLargeObservation } from './observation.js';
import { seeded } from './testing/random.js';
import { simulate } from './testing/simulated-process.js';

const MiB = 1024 * 1024;

/** A heap that grows from live to twice live and is collected, with `live` retained at a time. */
function sawtooth(live: (at: number) => number, period: number, phase: number) {
  return (at: number) => {
    const position = at / period + phase;
    return { inUse: live(at) * (1 + (position % 1)), cycles: Math.floor(position) + 10 };
  };
}

t.test('a steady sawtooth does not retain, whatever its period and phase', async t => {
  for (const period of [0.3, 1.7, 3, 5.5, 7]) {
    for (const phase of [0, 0.25, 0.5, 0.9]) {
      const { seen } = simulate({ seed: 1, goHeap: sawtooth(() => 40 * MiB, period, phase) });
      t.equal(readGoHeapTrend(seen.memory)!.retains, false, `period ${period}, phase ${phase}`);
    }
  }
});

t.test('a sawtooth on rising ground retains', async t => {
  for (const period of [0.4, 0.9, 1.3]) {
    const { seen } = simulate({
      seed: 1,
      goHeap: sawtooth(at => (20 + 3 * at) * MiB, period, 0.3),
    });
    const trend = readGoHeapTrend(seen.memory)!;
    t.equal(trend.retains, true, `period ${period}`);
    t.ok(Math.abs(trend.bytesPerSecond / (3 * MiB) - 1) < 0.7, String(trend.bytesPerSecond));
  }
});

t.test(
  'what collections found reachable tells slow retention in a heap that swings widely',
  async t => {
    const goHeap = (at: number) => ({
      ...sawtooth(() => 100 * MiB, 1.1, 0.4)(at),
      marked: (20 + at) * MiB,
    });
    const steady = (at: number) => ({ ...goHeap(at), marked: (100 + (Math.floor(at) % 3)) * MiB });
    t.equal(readGoHeapTrend(simulate({ seed: 1, goHeap }).seen.memory)!.retains, true);
    t.equal(readGoHeapTrend(simulate({ seed: 1, goHeap: steady }).seen.memory)!.retains, false);
  },
);

t.test('growth without a collection may be garbage and is not called retention', async t => {
  const goHeap = (at: number) => ({ inUse: (10 + at) * MiB, cycles: 5 });
  const { seen } = simulate({ seed: 1, goHeap });
  const trend = readGoHeapTrend(seen.memory)!;
  t.equal(trend.retains, false);
  t.match(trend.doubts, [/no collection finished/]);
});

t.test('a warm-up that ends is not retention', async t => {
  const goHeap = sawtooth(at => (10 + 3 * Math.min(at, 8)) * MiB, 0.7, 0.1);
  const { seen } = simulate({ seed: 1, goHeap });
  t.equal(readGoHeapTrend(seen.memory)!.retains, false);
});

t.test('without the counters there is no trend', async t => {
  const { seen } = simulate({ seed: 1 });
  const bare = seen.memory.map(({ atNs, rssBytes, anonBytes, fileBytes, shmemBytes }) => ({
    atNs,
    rssBytes,
    anonBytes,
    fileBytes,
    shmemBytes,
  }));
  t.equal(readGoHeapTrend(bare), undefined);
});

/** Large objects of stack 0 that stay, of stack 1 that are swept, at reused addresses. */
function largeObjects(seed: number): GoLargeObservation {
  const random = seeded(seed);
  const births: [address: number, size: number, stack: number, at: number][] = [];
  const deaths: [address: number, at: number][] = [];
  for (let at = 0.05; at < 20; at += 0.1) {
    births.push([0xc0_0000_0000 + births.length * 2 * MiB, 256 * 1024, 0, at * 1e9]);
    const address = 0xc1_0000_0000 + Math.floor((at % 2) * 10) * MiB;
    births.push([address, 512 * 1024, 1, at * 1e9]);
    deaths.push([address, (at + 0.5 + random()) * 1e9]);
  }
  const inWindow = deaths.filter(([, at]) => at < 20e9);
  return {
    address: Float64Array.from(births, birth => birth[0]),
    sizeBytes: Float64Array.from(births, birth => birth[1]),
    stack: Uint32Array.from(births, birth => birth[2]),
    atNs: Float64Array.from(births, birth => birth[3]),
    freeAddress: Float64Array.from(inWindow, death => death[0]),
    freeAtNs: Float64Array.from(inWindow, death => death[1]),
  };
}

const frames = (stack: number): Frame[] => [
  { function: 'runtime.mallocgc', module: '/srv/app', kind: 'go', inlined: false },
  { function: `main.keep_${stack}`, module: '/srv/app', kind: 'go', inlined: false },
];

t.test('large objects that stay are the suspects of a heap that retains', async t => {
  for (const seed of [1, 2, 3]) {
    const goHeap = sawtooth(at => (10 + 2.5 * at) * MiB, 1.1, 0.2);
    const { seen } = simulate({ seed, goHeap });
    const it = analyse(
      { ...seen, goLarge: largeObjects(seed) },
      { pageBytes: 4096, minAgeNs: 5e9, frames },
    );
    t.equal(it.verdict.class, 'go-retention');
    t.match(
      it.suspects.map(suspect => suspect.stack),
      [0],
    );
    t.match(it.verdict.sentence, /large objects allocated in main\.keep_0 hold 50 MiB/);
    t.match(it.verdict.next, /pprof/);
  }
});

t.test('large objects of a heap that does not retain accuse nobody', async t => {
  const { seen } = simulate({ seed: 1, goHeap: sawtooth(() => 90 * MiB, 1.1, 0.2) });
  const it = analyse(
    { ...seen, goLarge: largeObjects(1) },
    { pageBytes: 4096, minAgeNs: 5e9, frames },
  );
  t.equal(it.verdict.class, 'none');
  t.same(it.suspects, []);
});

t.test('small objects that stay: retention without a stack', async t => {
  const goHeap = sawtooth(at => (10 + 2.5 * at) * MiB, 1.1, 0.2);
  const { seen } = simulate({ seed: 1, goHeap });
  const it = analyse(seen, { pageBytes: 4096, minAgeNs: 5e9, frames });
  t.equal(it.verdict.class, 'go-retention');
  t.match(it.verdict.sentence, /many small ones/);
});

t.test('lives are paired by address and time, in whatever order records come', async t => {
  const seen: GoLargeObservation = {
    address: Float64Array.of(100, 200, 100, 100),
    sizeBytes: Float64Array.of(8, 16, 32, 64),
    stack: Uint32Array.of(0, 1, 0, 1),
    atNs: Float64Array.of(50, 10, 10, 90),
    freeAddress: Float64Array.of(100, 900, 200),
    freeAtNs: Float64Array.of(30, 5, 60),
  };
  const { lives, freedBeforeAttach } = pairLives(seen);
  t.equal(freedBeforeAttach, 1);
  // Row 0 was born at 50 and its death was lost: row 3 took its address at 90.
  t.same(Array.from(lives.freedAtNs), [90, 60, 30, NaN]);
  t.same(Array.from(stillLiving(lives, seen.stack).sizeBytes), [64]);
  const held = heldOverTime(lives, seen.stack, 2, [0, 20, 40, 70, 100]);
  t.same(
    held.map(sample => Array.from(sample.heldBytes)),
    [
      [0, 0],
      [32, 16],
      [0, 16],
      [8, 0],
      [0, 64],
    ],
  );
});
