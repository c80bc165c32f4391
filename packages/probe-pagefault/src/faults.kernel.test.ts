/**
 * Page faults against the pages that the program says it touched, by every way in which the probe
 * can attach. What a reader would get wrong: a page may fault more than once, so each page is
 * expected at least once; and what a way cannot see is expected not to be seen, as its limits say.
 */
import { LoadError, openSession, UnsupportedError, type Session } from '@sonde/core';
import {
  reportCompared,
  requireFeature,
  startWorkload,
  witness,
  type Witness,
  type Workload,
  type WorkloadLine,
} from '@sonde/vm-tests/kit';
import t, { type Test } from 'tap';
import { probe } from './gen/pagefault.js';

// An emulated machine is slow; who runs this file ends it when it hangs.
t.setTimeout(0);

const PAGES = 20;
/** Where on each page the program touches it. */
const TOUCHED_BYTE = 8n;

interface Way {
  readonly name: string;
  /** First kernel in which it works, and where that differs. */
  readonly since: string;
  readonly arm64: string;
  readonly tellsAccess: boolean;
  readonly seesKernel: boolean;
}

const WAYS: readonly Way[] = [
  { name: 'fentry', since: '5.5', arm64: '6.4', tellsAccess: true, seesKernel: true },
  { name: 'kprobe', since: '4.1', arm64: '4.8', tellsAccess: true, seesKernel: true },
  { name: 'raw-tracepoint', since: '4.17', arm64: 'never', tellsAccess: true, seesKernel: false },
  { name: 'tracepoint', since: '4.7', arm64: 'never', tellsAccess: true, seesKernel: false },
  { name: 'perf-event', since: '4.9', arm64: '4.9', tellsAccess: false, seesKernel: true },
];

interface TracedEvent {
  readonly address: bigint;
  readonly stack: bigint;
  readonly tid: number;
  readonly access: string;
}

interface Traced {
  readonly workload: Workload;
  readonly session: Session;
  readonly events: TracedEvent[];
}

async function trace(
  test: Test,
  way: Way | undefined,
  mode: 'stream' | 'aggregate',
): Promise<Traced> {
  const workload = startWorkload('touch');
  test.teardown(() => {
    workload.send('exit');
    return workload.stop();
  });
  await workload.next();
  const attach = way === undefined ? {} : { attach: { fault: way.name } };
  const session = await openSession({
    pid: workload.pid,
    maxOverhead: 'off',
    probes: [{ module: probe, mode, ...attach }],
  });
  test.teardown(() => session.close());
  const events: TracedEvent[] = [];
  session.onEvent('pagefault', 'fault', (view, offset) => {
    events.push(probe.events['fault']?.decode(view, offset) as unknown as TracedEvent);
  });
  return { workload, session, events };
}

/** Traces by one way, or skips the test where the kernel is too old for it. */
async function traceBy(test: Test, way: Way, report: Witness): Promise<Traced | undefined> {
  try {
    return await trace(test, way, 'stream');
  } catch (error) {
    if (!(error instanceof UnsupportedError) && !(error instanceof LoadError)) throw error;
    const feature = { name: way.name, since: way.since, available: false };
    const verdict = {
      fail: (message: string) => test.fail(message),
      skip: (message: string) => {
        report.cannot(message);
        return test.pass(message, { skip: true });
      },
    };
    requireFeature(verdict, { ...feature, evidence: error.message }, { arm64: way.arm64 });
    return undefined;
  }
}

/** The addresses that a line of the program names. */
function touchedBytes(line: WorkloadLine): bigint[] {
  const start = BigInt(String(line['address']));
  const step = BigInt(Number(line['pageBytes']));
  const pages = Number(line['pages']);
  return Array.from({ length: pages }, (_, page) => start + step * BigInt(page) + TOUCHED_BYTE);
}

/**
 * Faults by the address that the program touched. Older arm64 kernels hand the start of the page to
 * handle_mm_fault, so that is accepted; any other address on the page is not.
 */
async function touch(traced: Traced, how: string): Promise<Map<bigint, TracedEvent[]>> {
  const line = await traced.workload.command(`${how} ${PAGES}`);
  traced.session.drain();
  const faults = new Map(touchedBytes(line).map(address => [address, [] as TracedEvent[]]));
  for (const event of traced.events) {
    const exact = faults.get(event.address) ?? faults.get(event.address + TOUCHED_BYTE);
    exact?.push(event);
  }
  return faults;
}

function leastPerPage(faults: ReadonlyMap<bigint, readonly unknown[]>): number {
  return Math.min(...[...faults.values()].map(each => each.length));
}

function total(faults: ReadonlyMap<bigint, readonly unknown[]>): number {
  return [...faults.values()].reduce((sum, each) => sum + each.length, 0);
}

async function goFunctions(traced: Traced, event: TracedEvent | undefined): Promise<string[]> {
  const pcs = traced.session.stack(event?.stack ?? 0n);
  const words = pcs.map(pc => `0x${pc.toString(16)}`).join(' ');
  const line = await traced.workload.command(`frames ${words}`);
  return (line['functions'] as string[]).filter(name => name.startsWith('main.'));
}

for (const way of WAYS) {
  t.test(`${way.name}: each touched page, its access and its stack`, async test => {
    const attach = { fault: way.name };
    const report = witness(test, { probe: 'pagefault', points: ['fault'], attach });
    const traced = await traceBy(test, way, report);
    if (traced === undefined) return;
    const access = (name: string): string => (way.tellsAccess ? name : 'unknown');

    const written = await touch(traced, 'write');
    test.ok(leastPerPage(written) >= 1, 'each page that Go code wrote to');
    const [first] = [...written.values()].flat();
    test.match(first, { access: access('write'), tid: traced.workload.pid });
    const writers = await goFunctions(traced, first);
    test.same([writers[0], writers.at(-1)], ['main.writePages', 'main.main']);

    const read = await touch(traced, 'read');
    test.ok(leastPerPage(read) >= 1, 'each page that Go code read');
    test.match([...read.values()].flat()[0], { access: access('read') });

    const inC = await touch(traced, 'c');
    test.ok(leastPerPage(inC) >= 1, 'each page that C code wrote to');
    const names = await goFunctions(traced, [...inC.values()].flat()[0]);
    test.equal(names[0], 'main._Cfunc_touch_pages', 'the Go code behind the C code is known');

    const twice = await touch(traced, 'again');
    test.ok(leastPerPage(twice) >= 2, 'pages that were dropped fault again');

    const byKernel = await touch(traced, 'kernel');
    if (way.seesKernel) test.ok(leastPerPage(byKernel) >= 1, 'pages that read(2) filled');
    else test.equal(total(byKernel), 0, 'pages that read(2) filled are beyond this way');

    traced.session.refresh();
    test.match(traced.session.losses(), { ringFull: 0, stackLost: 0, malformed: 0 });
    const site = traced.session.probes[0]?.points[0]?.sites[0];
    test.ok((site?.hits ?? 0) >= 4 * PAGES, `${site?.hits} hits`);
    const all = [written, read, inC, twice, byKernel];
    report.saw(
      traced.session,
      all.reduce((sum, each) => sum + total(each), 0),
    );
  });
}

t.test('aggregate, by the first way that works: pages, stacks and totals', async test => {
  const traced = await trace(test, undefined, 'aggregate');
  const line = await traced.workload.command(`write ${PAGES}`);
  const pages = readRows(traced.session, 'pages');
  const stacks = readRows(traced.session, 'byStack');
  let faults = 0;
  for (const address of touchedBytes(line)) {
    const page = pages.get(address - TOUCHED_BYTE);
    test.match(page, { tid: traced.workload.pid }, `page of 0x${address.toString(16)}`);
    faults += Number(page?.['faults']);
    const stack = stacks.get(page?.['stack'] as bigint);
    if (Number(stack?.['faults'] ?? 0) < 1) test.fail('its stack has no fault');
  }
  test.ok(faults >= PAGES, `${faults} faults on ${PAGES} pages`);
  reportCompared(faults);
});

function readRows(session: Session, map: string): Map<bigint, Record<string, unknown>> {
  const { keys, values, count, keyBytes, valueStrideBytes } = session.readMap('pagefault', map);
  const codec = probe.maps[map];
  if (codec === undefined) throw new Error(`decode map ${map}: the probe has none`);
  return new Map(
    Array.from({ length: count }, (_, row) => [
      codec.decodeKey(keys, row * keyBytes) as bigint,
      codec.decodeValue(values, row * valueStrideBytes) as Record<string, unknown>,
    ]),
  );
}
