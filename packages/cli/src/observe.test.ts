/**
 * The trace loop against a session that never was: what it keeps of the looks, the maps and the
 * streams, and how it ends. Rows are written by the offsets of the probes' own representations.
 */
import t from 'tap';
import type { MapRows, SessionEnd } from '@sonde/core';
import type { MapIr, ProbeIr } from '@sonde/core/schema';
import { findProbes } from './discovery.js';
import { observe, type ObserveOptions } from './observe.js';
import { eventField, valueField, type FieldPlace } from './row-reader.js';
import type { TracedSession } from './traced-session.js';

const probes = await findProbes({ cwd: process.cwd() });
const irOf = (name: string) => probes.find(probe => probe.module.ir.name === name)!.module.ir;
const cHeap = irOf('cgo-malloc');
const pagefault = irOf('pagefault');
const START = 5_000_000_000_123_456n;

function write(view: DataView, offset: number, field: FieldPlace, value: bigint): void {
  view.setBigUint64(offset + field.offsetBytes, value, true);
}

function sizeOf(ir: ProbeIr, map: MapIr): number {
  const { value } = map;
  const type = ir.types.find(each => value?.kind === 'struct' && each.name === value.name);
  return type?.kind === 'struct' ? type.sizeBytes : 8;
}

/** Map rows from keys and fields by name. */
function rowsOf(
  ir: ProbeIr,
  name: string,
  rows: readonly { readonly key: bigint; readonly fields: Readonly<Record<string, bigint>> }[],
  cpus = 1,
): MapRows {
  const stride = sizeOf(
    ir,
    ir.maps.find(map => map.name === name)!,
  );
  const keys = new DataView(new ArrayBuffer(rows.length * 8));
  const values = new DataView(new ArrayBuffer(rows.length * stride * cpus));
  rows.forEach((row, index) => {
    keys.setBigUint64(index * 8, row.key, true);
    for (const [field, value] of Object.entries(row.fields)) {
      write(values, index * stride * cpus, valueField(ir, name, field), value);
    }
  });
  const shape = { keyBytes: 8, valueBytes: stride, valueStrideBytes: stride * cpus, cpus };
  return { count: rows.length, keys, values, ...shape };
}

/** A probe whose one point the brake took off; after the end nothing is attached. */
const PROBE: TracedSession['probes'][number] = {
  name: 'cgo-malloc',
  mode: 'aggregate',
  eventBase: 0,
  programs: [],
  points: [
    {
      point: 'malloc',
      need: 'required',
      alternative: 'malloc',
      kind: 'cFunction',
      attached: false,
      failures: [],
      sites: [],
      detachedAtNs: START + 2_000_000_000n,
      detachReason: 'too hot',
    },
  ],
};

/** A session whose clock moves when somebody sleeps; `maps` may change with the time. */
function fakeSession(change: {
  readonly maps?: (seconds: number) => Readonly<Record<string, MapRows>>;
  readonly exitAfter?: number;
}) {
  let now = START;
  let end: (end: SessionEnd) => void = () => undefined;
  const ended = new Promise<SessionEnd>(resolve => (end = resolve));
  const handlers = new Map<string, (view: DataView, offset: number) => void>();
  const seconds = () => Number(now - START) / 1e9;
  const gone = () => change.exitAfter !== undefined && seconds() >= change.exitAfter;
  const calls = { stop: 0 };
  const session: TracedSession = {
    probes: [PROBE],
    onEvent: (probe, event, handler) => void handlers.set(`${probe}/${event}`, handler),
    drain: () => 0,
    readMap: (_probe, map) => change.maps?.(seconds())[map] ?? rowsOf(cHeap, map, []),
    refresh: () => undefined,
    losses: () => {
      const none = { mapFull: 0, stackLost: 0, unpaired: 0, probeMissed: 0 };
      const counts = { ...none, ringFull: 2, readFailed: 3, malformed: 4 };
      return { ...counts, probes: { 'cgo-malloc': counts } };
    },
    cost: () => ({
      perHitNs: { emulated: 1, 'single-stepped': 1, uretprobe: 1, kernel: 1 },
      evidence: '',
      hits: 0,
      cpuNs: 0,
      shareOfTargetCpu: 0,
      brake: [],
    }),
    ended,
    stop: async () => {
      calls.stop++;
    },
    process: {
      memorySample: () => {
        if (gone()) throw new Error('gone');
        return { rssBytes: seconds(), anonBytes: 0, fileBytes: 0, shmemBytes: 0, cpuNs: 0 };
      },
      refreshMaps: () => true,
      residentPages: () => [],
      cpuNs: () => 0,
      maps: () => [{ start: 0n, end: BigInt(Math.round(seconds() * 1000)), path: '[heap]' }],
    },
  };
  const sleep = async (ms: number) => {
    now += BigInt(Math.round(ms * 1e6));
    if (gone()) end({ reason: 'target-exited' });
    await Promise.resolve();
  };
  return { session, handlers, calls, now: () => now, sleep };
}

function optionsOf(
  fake: ReturnType<typeof fakeSession>,
  change: Partial<ObserveOptions> = {},
): ObserveOptions {
  return {
    durationNs: 5e9,
    cgo: true,
    irs: [cHeap, pagefault],
    missing: [],
    signal: new AbortController().signal,
    now: fake.now,
    sleep: fake.sleep,
    ...change,
  };
}

t.test(
  'a window gives one look a second, the held bytes, the earlier look and the end',
  async t => {
    const fake = fakeSession({
      maps: seconds => ({
        byStack: rowsOf(cHeap, 'byStack', [
          {
            key: 0xabcd_ef01_2345_6789n,
            fields: { allocBytes: BigInt(Math.round(seconds)) * 100n },
          },
          { key: 7n, fields: { allocs: 3n, allocBytes: 50n, freeBytes: 60n } },
        ]),
        live: rowsOf(cHeap, 'live', [
          {
            key: 0x7fff_0000_1000n,
            fields: {
              sizeBytes: 64n,
              usableBytes: 72n,
              stack: 7n,
              allocatedNs: START + 1_500_000_000n,
            },
          },
          {
            key: 0x10n,
            fields: { sizeBytes: 1n, usableBytes: 24n, stack: 8n, allocatedNs: START - 5n },
          },
        ]),
        totals: rowsOf(cHeap, 'totals', [{ key: 0n, fields: { freedBeforeAttach: 9n } }], 2),
      }),
    });
    const { seen, stacks } = await observe(fake.session, optionsOf(fake));
    t.equal(seen.ended, 'duration');
    t.equal(seen.durationNs, 5e9);
    t.same(
      seen.memory.map(sample => sample.rssBytes),
      [0, 1, 2, 3, 4, 5],
    );
    t.same(
      seen.cHeap!.held.map(look => Array.from(look.heldBytes)[0]),
      [0, 100, 200, 300, 400, 500],
    );
    t.equal(
      seen.cHeap!.held[5]!.heldBytes[1],
      0,
      'more freed than allocated is a race, not a debt',
    );
    t.equal(seen.cHeap!.held[0]!.freedBeforeAttach, 9, 'summed over the CPUs');
    t.equal(stacks.idOf(0), 0xabcd_ef01_2345_6789n);
    t.equal(seen.cHeap!.earlier!.atNs, 3e9);
    const { live } = seen.cHeap!;
    t.same(Array.from(live.address), [0x7fff_0000_1000, 0x10]);
    t.same(Array.from(live.atNs), [1.5e9, 0], 'what began before the window began with it');
    t.same(
      Array.from(live.stack, stack => stacks.idOf(stack)),
      [7n, 8n],
    );
    t.equal(seen.cHeap!.brkGrowthBytes, 5000);
    t.same(seen.losses['cgo-malloc'], {
      ringFull: 2,
      mapFull: 0,
      stackLost: 0,
      unpaired: 0,
      probeMissed: 0,
      readFailed: 7,
    });
    t.match(seen.probes[0]!.points[0], {
      attached: true,
      detachedAtNs: 2e9,
      detachReason: 'too hot',
    });
    t.equal(fake.calls.stop, 1);
  },
);

t.test('events become columns while the view is valid, with times since the beginning', async t => {
  const fake = fakeSession({});
  const observing = observe(fake.session, optionsOf(fake));
  const record = new DataView(new ArrayBuffer(64));
  write(record, 8, { offsetBytes: 8, sizeBytes: 8 }, START + 42n);
  write(record, 8, eventField(pagefault, 'fault', 'address'), 0x7fff_1234_5678n);
  write(record, 8, eventField(pagefault, 'fault', 'stack'), 0xffff_ffff_ffff_ffffn);
  fake.handlers.get('pagefault/fault')!(record, 8);
  new Uint8Array(record.buffer).fill(0);
  const { seen, stacks } = await observing;
  t.same(Array.from(seen.faults!.address), [0x7fff_1234_5678]);
  t.same(Array.from(seen.faults!.atNs), [42]);
  const stack = seen.faults!.stack[0]!;
  t.equal(stacks.idOf(stack), 0xffff_ffff_ffff_ffffn);
  t.ok(stacks.isExact(stack), 'a fault is at its instruction');
});

t.test('a target that exits ends the window; what was seen is kept', async t => {
  const fake = fakeSession({ exitAfter: 2.5 });
  const { seen, end } = await observe(fake.session, optionsOf(fake, { durationNs: undefined }));
  t.equal(seen.ended, 'target-exited');
  t.equal(end!.reason, 'target-exited');
  t.same(
    seen.memory.map(sample => sample.rssBytes),
    [0, 1, 2],
  );
});

t.test('a signal ends the window, with a last look', async t => {
  const fake = fakeSession({});
  const interrupt = new AbortController();
  const sleep = async (ms: number) => {
    await fake.sleep(ms);
    if (fake.now() - START >= 1_900_000_000n) interrupt.abort();
  };
  const options = optionsOf(fake, { signal: interrupt.signal, sleep });
  const { seen } = await observe(fake.session, options);
  t.equal(seen.ended, 'interrupted');
  t.same(
    seen.memory.map(sample => sample.rssBytes),
    [0, 1, 2],
  );
});

t.test('a probe that could not be opened is in the observation with its reason', async t => {
  const fake = fakeSession({});
  const missing = [{ name: 'mallocgc', error: 'no place' }];
  const { seen } = await observe(fake.session, optionsOf(fake, { missing }));
  t.match(seen.probes.at(-1), { name: 'mallocgc', error: 'no place', points: [] });
});
