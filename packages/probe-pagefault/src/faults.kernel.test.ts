/**
 * Page faults against the pages that the program says it touched, by every way in which the probe
 * can attach. What a reader would get wrong: a page may fault more than once, so each page is
 * expected at least once; and what a way cannot see is expected not to be seen, as its limits say.
 */
import { openSession, type Session } from '@sonde/core';
import {
  attachBy,
  type EventLog,
  mapRows,
  recordEvents,
  reportCompared,
  startWorkload,
  witness,
  type Way,
  type Workload,
  type WorkloadLine,
} from '@sonde/vm-tests/kit';
import t, { type Test } from 'tap';
import { type FaultEvent, probe, type StackTotals, type Touch } from './gen/pagefault.js';

// An emulated machine is slow; who runs this file ends it when it hangs.
t.setTimeout(0);

const PAGES = 20;
/** Where on each page the program touches it. */
const TOUCHED_BYTE = 8n;

/** A way to attach, and what it cannot see. */
interface FaultWay extends Way {
  readonly tellsAccess: boolean;
  readonly seesKernel: boolean;
}

const WAYS: readonly FaultWay[] = [
  { name: 'fentry', since: '5.5', arm64: '6.4', tellsAccess: true, seesKernel: true },
  { name: 'kprobe', since: '4.1', arm64: '4.8', tellsAccess: true, seesKernel: true },
  { name: 'raw-tracepoint', since: '4.17', arm64: 'never', tellsAccess: true, seesKernel: false },
  { name: 'tracepoint', since: '4.7', arm64: 'never', tellsAccess: true, seesKernel: false },
  { name: 'perf-event', since: '4.9', arm64: '4.9', tellsAccess: false, seesKernel: true },
];

interface Traced {
  readonly workload: Workload;
  readonly session: Session;
  readonly log: EventLog<FaultEvent>;
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
  return { workload, session, log: recordEvents<FaultEvent>(session, probe, 'fault') };
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
async function touch(traced: Traced, how: string): Promise<Map<bigint, FaultEvent[]>> {
  const line = await traced.workload.command(`${how} ${PAGES}`);
  traced.session.drain();
  const faults = new Map(touchedBytes(line).map(address => [address, [] as FaultEvent[]]));
  for (const event of traced.log.events) {
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

async function goFunctions(traced: Traced, event: FaultEvent | undefined): Promise<string[]> {
  const pcs = traced.session.stack(event?.stack ?? 0n);
  const words = pcs.map(pc => `0x${pc.toString(16)}`).join(' ');
  const line = await traced.workload.command(`frames ${words}`);
  return (line['functions'] as string[]).filter(name => name.startsWith('main.'));
}

/** Functions of the program that touches pages in a callback, innermost first. */
const CALLED_BACK = ['main.writePages', 'main.calledBack', 'main.throughC', 'main.main'];
const LEFT_OUT = 'the C code that called back into Go is left out';

/** A fault in Go that C called back: the Go frames of both sides, and what lies between is said. */
async function checkCallback(test: Test, traced: Traced, event: FaultEvent | undefined) {
  const names = await goFunctions(traced, event);
  test.same(
    names.filter(name => CALLED_BACK.includes(name)),
    CALLED_BACK,
    names.join(' '),
  );
  test.equal(traced.session.readStack(event?.stack ?? 0n).truncated, LEFT_OUT);
}

for (const way of WAYS) {
  t.test(`${way.name}: each touched page, its access and its stack`, async test => {
    const attach = { fault: way.name };
    const report = witness(test, { probe: 'pagefault', points: ['fault'], attach });
    const traced = await attachBy(test, way, report, () => trace(test, way, 'stream'));
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

    const back = await touch(traced, 'callback');
    test.ok(leastPerPage(back) >= 1, 'each page that Go code wrote to when C called it back');
    await checkCallback(test, traced, [...back.values()].flat()[0]);

    const twice = await touch(traced, 'again');
    test.ok(leastPerPage(twice) >= 2, 'pages that were dropped fault again');

    const byKernel = await touch(traced, 'kernel');
    if (way.seesKernel) test.ok(leastPerPage(byKernel) >= 1, 'pages that read(2) filled');
    else test.equal(total(byKernel), 0, 'pages that read(2) filled are beyond this way');

    traced.session.refresh();
    test.match(traced.session.losses(), { ringFull: 0, stackLost: 0, malformed: 0 });
    const site = traced.session.probes[0]?.points[0]?.sites[0];
    test.ok((site?.hits ?? 0) >= 4 * PAGES, `${site?.hits} hits`);
    const all = [written, read, inC, back, twice, byKernel];
    report.saw(
      traced.session,
      all.reduce((sum, each) => sum + total(each), 0),
    );
  });
}

/** A map whose keys are addresses or stacks; none of them is per CPU. */
function rowsByKey<Value>(session: Session, map: string): Map<bigint, Value | undefined> {
  const rows = mapRows<bigint, Value>(session, probe, map);
  return new Map(rows.map(({ key, values: [value] }) => [key, value]));
}

t.test('aggregate, by the first way that works: pages, stacks and totals', async test => {
  const traced = await trace(test, undefined, 'aggregate');
  const line = await traced.workload.command(`write ${PAGES}`);
  const pages = rowsByKey<Touch>(traced.session, 'pages');
  const stacks = rowsByKey<StackTotals>(traced.session, 'byStack');
  let faults = 0;
  for (const address of touchedBytes(line)) {
    const page = pages.get(address - TOUCHED_BYTE);
    test.match(page, { tid: traced.workload.pid }, `page of 0x${address.toString(16)}`);
    if (page === undefined) continue;
    faults += page.faults;
    if (Number(stacks.get(page.stack)?.faults ?? 0) < 1) test.fail('its stack has no fault');
  }
  test.ok(faults >= PAGES, `${faults} faults on ${PAGES} pages`);
  reportCompared(faults);
});
