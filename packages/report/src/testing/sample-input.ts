/**
 * One place that builds a report's input: a Go service that leaks 1 MiB/s, each part changeable.
 */
import {
  analyse,
  type Frame,
  type MemorySample,
  type Observation,
  type PointState,
} from '@sonde/memory';
import type { ReportInput } from '../build-report.js';

const MiB = 1024 * 1024;
const PAGE = 4096;
const BLOCK = 4096;
const SECONDS = 20;
const BLOCKS = (SECONDS * MiB) / BLOCK;

const LEAK: readonly Frame[] = [
  {
    function: 'leak_node',
    file: '/src/c/leak.c',
    line: 42,
    module: '/srv/app',
    kind: 'c',
    inlined: false,
  },
  {
    function: 'grow_list',
    file: '/src/c/leak.c',
    line: 60,
    module: '/srv/app',
    kind: 'c',
    inlined: true,
  },
  { function: 'main._Cfunc_leak_node', module: '/srv/app', kind: 'go', inlined: false },
  {
    function: 'main.handle',
    file: '/src/main.go',
    line: 30,
    module: '/srv/app',
    kind: 'go',
    inlined: false,
  },
  {
    function: 'net/http.(*conn).serve',
    file: '/go/net/http/server.go',
    line: 2092,
    module: '/srv/app',
    kind: 'go',
    inlined: false,
  },
];

const CACHE: readonly Frame[] = [
  {
    function: 'cache_put',
    file: '/src/c/cache.c',
    line: 7,
    module: '/srv/app',
    kind: 'c',
    inlined: false,
  },
  {
    function: 'main.warm',
    file: '/src/main.go',
    line: 55,
    module: '/srv/app',
    kind: 'go',
    inlined: false,
  },
];

/** An attach point that works, with what a test wants otherwise. */
export function point(name: string, change: Partial<PointState> = {}): PointState {
  return {
    point: name,
    need: 'required',
    attached: true,
    alternative: name,
    kind: 'cFunction',
    sites: [{ location: `${name}+0x4`, costClass: 'emulated', hits: 5120 }],
    ...change,
  };
}

/** Stack 0 leaks 4 KiB blocks evenly; stack 1 filled a cache of 8 MiB in the first second. */
export function sampleObservation(change: Partial<Observation> = {}): Observation {
  const rows = BLOCKS + 2048;
  const leaks = (row: number) => row < BLOCKS;
  const at = (row: number) => (leaks(row) ? (row / BLOCKS) * SECONDS : (row - BLOCKS) / 2048) * 1e9;
  const live = {
    address: Float64Array.from({ length: rows }, (_, row) => 0x7f10_0000_0000 + row * BLOCK),
    sizeBytes: new Float64Array(rows).fill(BLOCK),
    usableBytes: new Float64Array(rows).fill(BLOCK + 8),
    stack: Uint32Array.from({ length: rows }, (_, row) => (leaks(row) ? 0 : 1)),
    atNs: Float64Array.from({ length: rows }, (_, row) => Math.round(at(row))),
  };
  const held = Array.from({ length: SECONDS + 1 }, (_, second) => ({
    atNs: second * 1e9,
    heldBytes: Float64Array.of(second * MiB, Math.min(second, 1) * 8 * MiB),
    freedBeforeAttach: second * 15,
  }));
  return {
    durationNs: SECONDS * 1e9,
    ended: 'duration',
    cgo: true,
    memory: held.map(({ atNs }, second) => sampleMemory(atNs, second)),
    cHeap: {
      allocs: Float64Array.of(BLOCKS + 120, 2048),
      frees: Float64Array.of(120, 0),
      allocBytes: Float64Array.of(SECONDS * MiB, 8 * MiB),
      freeBytes: Float64Array.of(0, 0),
      held,
      live,
    },
    faults: {
      address: live.address,
      atNs: live.atNs.map(born => born + 4000),
      stack: live.stack,
    },
    probes: sampleProbes(),
    losses: {},
    goLarge: {
      address: new Float64Array(0),
      sizeBytes: new Float64Array(0),
      stack: new Uint32Array(0),
      atNs: new Float64Array(0),
      freeAddress: new Float64Array(0),
      freeAtNs: new Float64Array(0),
    },
    ...change,
  };
}

/** The three probes of a trace, all attached. */
function sampleProbes(): Observation['probes'] {
  return [
    {
      name: 'cgo-malloc',
      mode: 'aggregate',
      points: ['malloc', 'mallocReturn', 'free'].map(name => point(name)),
    },
    {
      name: 'mallocgc',
      mode: 'stream',
      points: [
        point('large', { alternative: 'alloc-large-call', kind: 'goCall' }),
        point('free', {
          alternative: 'free-span-entry',
          kind: 'goEntry',
          limits: 'the collector sweeps lazily',
        }),
      ],
    },
    {
      name: 'pagefault',
      mode: 'stream',
      points: [
        point('fault', {
          alternative: 'kprobe',
          kind: 'kprobe',
          limits: 'repeats of one fault are told by the last address of the thread',
          sites: [{ location: 'handle_mm_fault', costClass: 'kernel', hits: 7168 }],
        }),
      ],
    },
  ];
}

function sampleMemory(atNs: number, second: number): MemorySample {
  const anonBytes = (20 + second + Math.min(second, 1) * 8) * MiB;
  return {
    atNs,
    rssBytes: anonBytes + 12 * MiB,
    anonBytes,
    fileBytes: 12 * MiB,
    shmemBytes: 0,
    goHeapInUseBytes: 8 * MiB,
    goHeapIdleBytes: 2 * MiB,
    goHeapReleasedBytes: MiB,
    goStacksBytes: MiB / 2,
    goGcCycles: 4 + second,
  };
}

/** The input of a report on `seen`, analysed; all pages are resident. */
export function sampleInput(seen: Observation = sampleObservation()): ReportInput {
  const analysis = analyse(seen, {
    pageBytes: PAGE,
    minAgeNs: 5e9,
    frames: stack => (stack === 0 ? LEAK : CACHE),
    residentPages: ranges =>
      new Uint8Array(
        ranges.start.reduce((n, start, run) => n + (ranges.end[run]! - start) / PAGE, 0),
      ).fill(1),
  });
  return {
    tracer: { version: '0.1.0', kernel: '6.12.48' },
    target: {
      pid: 4242,
      exe: '/srv/app',
      goRelease: 'go1.26.8',
      arch: 'x86_64',
      buildId: '3f2a90',
      cgo: true,
      stripped: false,
      pie: false,
      offsets: 'exact table',
    },
    startedAt: '2026-01-02T03:04:05.000Z',
    seen,
    analysis,
    names: [],
    cost: {
      hits: 32768,
      cpuNs: 40e6,
      shareOfTargetCpu: 0.021,
      perHitNs: { emulated: 900, kernel: 400 },
      brake: [],
      unwinding: { copies: 213, rules: 1700, rulesLeftOut: 0, forgotten: 0 },
    },
  };
}
