/**
 * Births and deaths of large Go objects against what the program printed, by every way in which the
 * probe can attach, in both modes. What a reader would get wrong: the runtime makes large objects
 * of its own, so what is compared is the program's addresses, none missing and none wrong.
 */
import { openSession, type ProbeRequest, type Session } from '@sonde/core';
import {
  reportCompared,
  startWorkload,
  witness,
  type Workload,
  type WorkloadLine,
} from '@sonde/vm-tests/kit';
import t, { type Test } from 'tap';
import { probe } from './gen/mallocgc.js';

// An emulated machine is slow; who runs this file ends it when it hangs.
t.setTimeout(0);

const GO_PAGE_BYTES = 8192;
const OBJECTS = 12;

interface TracedEvent {
  readonly name: string;
  readonly fields: Record<string, unknown>;
}

interface Traced {
  readonly workload: Workload;
  readonly session: Session;
  readonly events: TracedEvent[];
}

async function trace(
  test: Test,
  request: Omit<ProbeRequest, 'module'>,
  goRelease?: string,
): Promise<Traced> {
  const workload = startWorkload('golarge', [], goRelease === undefined ? {} : { goRelease });
  await workload.next();
  const session = await openSession({
    pid: workload.pid,
    maxOverhead: 'off',
    probes: [{ module: probe, ...request }],
  });
  const events: TracedEvent[] = [];
  session.onEvents((_probe, name, view, offset) => {
    const codec = probe.events[name];
    if (codec !== undefined) events.push({ name, fields: codec.decode(view, offset) });
  });
  test.teardown(async () => {
    await session.close();
    workload.send('exit');
    await workload.stop();
  });
  return { workload, session, events };
}

/** Makes objects and returns the program's lines about them, by address. */
async function allocate(workload: Workload): Promise<Map<bigint, WorkloadLine>> {
  const made = new Map<bigint, WorkloadLine>();
  workload.send(`alloc ${OBJECTS}`);
  for (let line = await workload.next(); line['event'] === 'large'; line = await workload.next()) {
    made.set(BigInt(String(line['address'])), line);
  }
  return made;
}

function spanBytes(line: WorkloadLine | undefined): number {
  return Math.ceil(Number(line?.['size']) / GO_PAGE_BYTES) * GO_PAGE_BYTES;
}

function ofKind(
  events: readonly TracedEvent[],
  name: string,
): Map<bigint, Record<string, unknown>> {
  const chosen = events.filter(event => event.name === name);
  return new Map(chosen.map(({ fields }) => [fields['address'] as bigint, fields]));
}

async function goFunctions(traced: Traced, stack: unknown): Promise<string[]> {
  const words = traced.session.stack(stack as bigint).map(pc => `0x${pc.toString(16)}`);
  const line = await traced.workload.command(`frames ${words.join(' ')}`);
  return line['functions'] as string[];
}

function losses(session: Session): number {
  session.refresh();
  const { ringFull, mapFull, stackLost, unpaired, probeMissed, readFailed } = session.losses();
  return ringFull + mapFull + stackLost + unpaired + probeMissed + readFailed;
}

async function compareStream(test: Test, traced: Traced, knowsPointers: boolean): Promise<number> {
  const { workload, session, events } = traced;
  const made = await allocate(workload);
  test.equal(made.size, OBJECTS);
  const dropped = await workload.command('drop');
  session.drain();
  const births = ofKind(events, 'large');
  const deaths = ofKind(events, 'free');
  for (const [address, line] of made) {
    const sizeBytes = spanBytes(line);
    const wanted = { sizeBytes, comm: 'golarge', goid: 1 };
    const pointerFree = line['pointerFree'];
    test.match(births.get(address), knowsPointers ? { ...wanted, pointerFree } : wanted);
    test.match(deaths.get(address), { sizeBytes });
  }
  test.equal(dropped['count'], OBJECTS);
  const [first] = [...births].filter(([address]) => made.has(address)).map(([, birth]) => birth);
  const functions = await goFunctions(traced, first?.['stack']);
  const own = functions.filter(name => /^main\./.test(name));
  test.match(own[0], /^main\.alloc(Bytes|Pointers)$/);
  test.same(own.slice(1), ['main.makeOne', 'main.alloc', 'main.main.func1', 'main.main']);
  test.equal(losses(session), 0, 'nothing is lost');
  return 2 * made.size;
}

const point = probe.ir.attach.find(each => each.name === 'large');
/** Only Go 1.15 has that function; releases.kernel.test.ts traces it there. */
const ONLY_OLD = 'large-alloc-return';
const everywhere = (point?.oneOf ?? []).filter(each => each.name !== ONLY_OLD);
for (const { name, limits } of everywhere) {
  t.test(`births by ${name}, deaths by freeSpanLocked`, async test => {
    const attach = { large: name };
    const report = witness(test, { probe: 'mallocgc', points: ['large', 'free'], attach });
    const traced = await trace(test, { mode: 'stream', attach });
    const large = traced.session.probes[0]?.points.find(each => each.point === 'large');
    test.match(large, { alternative: name, attached: true });
    const knowsPointers = limits?.includes('pointers') !== true;
    report.saw(traced.session, await compareStream(test, traced, knowsPointers));
  });
}

for (const goRelease of ['1.24', '1.27']) {
  t.test(`Go ${goRelease}: the same, by the first way that works`, async test => {
    const traced = await trace(test, { mode: 'stream' }, goRelease);
    reportCompared(await compareStream(test, traced, true));
    const large = traced.session.probes[0]?.points.find(each => each.point === 'large');
    test.equal(large?.alternative, 'alloc-large-call');
  });
}

t.test('sites found by address, as before Linux 5.15', async test => {
  const workload = startWorkload('golarge');
  await workload.next();
  const session = await openSession({
    pid: workload.pid,
    probes: [{ module: probe, mode: 'stream' }],
    features: { cookies: false, uprobeMulti: false },
  });
  test.teardown(async () => {
    await session.close();
    await workload.stop();
  });
  await allocate(workload);
  session.drain();
  session.refresh();
  const large = session.probes[0]?.points.find(each => each.point === 'large');
  const hits = large?.sites.reduce((sum, site) => sum + site.hits, 0) ?? 0;
  test.ok(hits >= OBJECTS, `${hits} hits were given to their sites`);
  reportCompared(OBJECTS);
});

t.test('small objects are not seen, and cost no hit', async test => {
  const { workload, session, events } = await trace(test, { mode: 'stream' });
  await workload.command('small 50000');
  session.drain();
  session.refresh();
  const hits = session.probes[0]?.points.flatMap(each => each.sites.map(site => site.hits)) ?? [];
  test.ok(hits.length > 0 && hits.reduce((sum, each) => sum + each, 0) < 100, `hits: ${hits}`);
  test.same(ofKind(events, 'every').size, 0);
  reportCompared(1);
});

t.test('aggregate: live objects and counters equal the program, then all are freed', async test => {
  const { workload, session } = await trace(test, { mode: 'aggregate' });
  const made = await allocate(workload);
  const live = readRows(session, 'live');
  for (const [address, line] of made) {
    test.match(live.get(address), { sizeBytes: spanBytes(line), goid: 1 });
  }
  await workload.command('drop');
  const left = readRows(session, 'live');
  test.same(
    [...left.keys()].filter(address => made.has(address)),
    [],
  );
  const ids = new Set([...made.keys()].map(address => live.get(address)?.['stack'] as bigint));
  const stacks = readRows(session, 'byStack');
  const sum = (field: string): number =>
    [...ids].reduce((total, id) => total + Number(stacks.get(id)?.[field]), 0);
  const bytes = [...made.values()].reduce((total, line) => total + spanBytes(line), 0);
  test.same([sum('allocs'), sum('allocBytes')], [OBJECTS, bytes]);
  test.same([sum('frees'), sum('freeBytes')], [OBJECTS, bytes]);
  reportCompared(2 * OBJECTS);
});

t.test('a window on every allocation opens only when it is asked for', async test => {
  const report = witness(test, { probe: 'mallocgc', points: ['every'] });
  const attached = ({ session }: Traced): boolean =>
    session.probes[0]?.points.some(each => each.point === 'every' && each.attached) === true;
  test.notOk(attached(await trace(test, { mode: 'stream' })));

  for (const [goRelease, alternative] of Object.entries(WINDOWS)) {
    const params = { windowMs: 60_000 };
    const traced = await trace(test, { mode: 'stream', params }, goRelease);
    test.ok(attached(traced));
    const every = traced.session.probes[0]?.points.find(each => each.point === 'every');
    test.equal(every?.alternative, alternative, `Go ${goRelease}`);
    await traced.workload.command('small 300');
    traced.session.drain();
    const small = traced.events.filter(
      ({ name, fields }) => name === 'every' && fields['sizeBytes'] === 64 && fields['goid'] === 1,
    );
    const names = await goFunctions(traced, small[20]?.fields['stack']);
    test.ok(names.includes('main.main'), names.join(' '));
    // The loop's own stack: printing what was made allocates, too.
    const made = small.filter(({ fields }) => fields['stack'] === small[20]?.fields['stack']);
    test.equal(made.length, 300, 'each object is counted once');
    report.saw(traced.session, made.length);
  }
});

/** Since 1.27 small objects have functions of their own, which the compiler calls directly. */
const WINDOWS = { '1.24': 'mallocgc-entry', '1.27': 'mallocgc-leaves' };

t.test(
  'cycles are numbered; sampling that the linker switched off is said to be off',
  async test => {
    const report = witness(test, { probe: 'mallocgc', points: ['gc'] });
    const params = { gcCycles: 1, samples: 1 };
    const traced = await trace(test, { mode: 'stream', params });
    const points = traced.session.probes[0]?.points ?? [];
    const sample = points.find(each => each.point === 'sample');
    test.match(sample, { attached: false, error: /memory profiling is off in this program/ });
    await traced.workload.command('drop');
    await traced.workload.command('drop');
    traced.session.drain();
    const cycles = traced.events.filter(each => each.name === 'gcCycle');
    // Before the first cycle ends, the page of its number may never have been touched.
    test.equal(cycles.length, 2);
    test.equal(Number(cycles[1]?.fields['cycle']), 2);
    report.saw(traced.session, cycles.length);
  },
);

function readRows(session: Session, map: string): Map<bigint, Record<string, unknown>> {
  const { keys, values, count, keyBytes, valueStrideBytes } = session.readMap('mallocgc', map);
  const codec = probe.maps[map];
  if (codec === undefined) throw new Error(`decode map ${map}: the probe has none`);
  return new Map(
    Array.from({ length: count }, (_, row) => [
      codec.decodeKey(keys, row * keyBytes) as bigint,
      codec.decodeValue(values, row * valueStrideBytes) as Record<string, unknown>,
    ]),
  );
}
