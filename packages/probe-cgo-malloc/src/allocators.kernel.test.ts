/**
 * Every allocator of the C library, the awkward cases included, against what the program printed
 * about each call. What a reader would get wrong: memalign and aligned_alloc may be one address in
 * libc (glibc 2.36), and then no tracer can tell which name the caller used.
 */
import { reportCompared, startWorkload, witness } from '@sonde/vm-tests/kit';
import t, { type Test } from 'tap';
import {
  end,
  goFunctions,
  linesUntil,
  rows,
  trace,
  type Traced,
  type TracedEvent,
  type WorkloadLine,
} from './testing/traced.js';

// An emulated machine is slow; who runs this file ends it when it hangs.
t.setTimeout(0);

interface Call {
  readonly function: string;
  readonly case: string;
  readonly size: number;
  readonly old?: bigint;
  readonly address?: bigint;
  readonly usable?: number;
}

function toCall(line: WorkloadLine): Call {
  const { old, address } = line as { old?: string; address?: string };
  return {
    function: String(line['function']),
    case: String(line['case']),
    size: Number(line['size']),
    ...(old === undefined ? {} : { old: BigInt(old) }),
    ...(address === undefined ? {} : { address: BigInt(address) }),
    ...(line['usable'] === undefined ? {} : { usable: Number(line['usable']) }),
  };
}

async function runCalls(traced: Traced): Promise<Call[]> {
  traced.workload.send('run');
  const lines = await linesUntil(traced.workload, 'done');
  traced.session.drain();
  traced.session.refresh();
  return lines.map(toCall);
}

/** Whether `seen` may stand for `called`: its own name, or the one at the same place in libc. */
function sameFunction(traced: Traced, seen: string, called: string): boolean {
  if (seen === called) return true;
  const point = traced.session.probes[0]?.points.find(each => each.point === called);
  const isAlias = point?.attached === true && point.sites.length === 0;
  return isAlias && seen === 'alignedAlloc';
}

/** What the probe should have sent for a call; undefined for one that changes nothing. */
function expectedEvent(
  call: Call,
): (Partial<Record<string, unknown>> & { name: string }) | undefined {
  const { address, old, size, usable } = call;
  if (call.function === 'free') {
    return old === undefined ? undefined : { name: 'free', address: old };
  }
  const given = { sizeBytes: size, usableBytes: usable };
  if (address === 0n) {
    const freed = call.function === 'realloc' && size === 0 && old !== undefined;
    return freed ? { name: 'free', address: old } : undefined;
  }
  if (old !== undefined) return { name: 'realloc', oldAddress: old, address, ...given };
  return { name: 'alloc', address, ...given };
}

function isExpected(
  traced: Traced,
  event: TracedEvent,
  call: Call,
  wanted: Partial<Record<string, unknown>> & { name: string },
): boolean {
  const { name, ...fields } = wanted;
  if (event.name !== name) return false;
  if (!sameFunction(traced, String(event.fields['allocator']), call.function)) return false;
  return Object.entries(fields).every(([field, value]) => event.fields[field] === value);
}

function byTime(events: readonly TracedEvent[]): TracedEvent[] {
  const time = (event: TracedEvent): bigint => BigInt(String(event.fields['ktimeNs']));
  return [...events].sort((a, b) => (time(a) < time(b) ? -1 : 1));
}

function compareStream(test: Test, traced: Traced, calls: readonly Call[]): number {
  const events = byTime(traced.events).filter(each => each.fields['tid'] === traced.workload.pid);
  let compared = 0;
  for (const call of calls) {
    const wanted = expectedEvent(call);
    if (wanted === undefined) continue;
    const at = events.findIndex(event => isExpected(traced, event, call, wanted));
    test.equal(at, 0, `${call.function} ${call.case}: is the next event of its thread`);
    if (at < 0) continue;
    events.splice(0, at + 1);
    compared++;
  }
  test.same(events, [], 'there is no event that the program did not cause');
  return compared;
}

/** The points of the functions that were called, aliases left out. */
function calledPoints(traced: Traced, calls: readonly Call[]): string[] {
  const called = new Set(calls.flatMap(call => [call.function, `${call.function}Return`]));
  const points = traced.session.probes[0]?.points ?? [];
  return points.filter(each => called.has(each.point) && each.sites.length > 0).map(p => p.point);
}

for (const [how, features] of [
  ['cookies where the kernel has them', {}],
  ['sites found by address, as before Linux 5.15', { cookies: false, uprobeMulti: false }],
] as const) {
  t.test(`stream, ${how}: one event for each call`, async test => {
    const report = witness(test, { probe: 'cgo-malloc', points: ['malloc', 'mallocReturn'] });
    const traced = await trace(startWorkload('callocs'), {
      request: { mode: 'stream' },
      session: { features },
    });
    test.teardown(() => end(traced));
    const calls = await runCalls(traced);
    report.saw(traced.session, compareStream(test, traced, calls), calledPoints(traced, calls));
    const lost = traced.session.losses();
    test.match(lost, { ringFull: 0, mapFull: 0, stackLost: 0, unpaired: 0, probeMissed: 0 });
    const hits = traced.session.probes[0]?.points.find(each => each.point === 'free')?.sites[0]
      ?.hits;
    const frees = calls.filter(call => call.function === 'free').length;
    test.ok((hits ?? 0) >= frees, `free was hit ${hits} times for ${frees} calls`);
  });
}

t.test('stream: stacks lead from the C function that allocated to main', async test => {
  const traced = await trace(startWorkload('callocs'), { request: { mode: 'stream' } });
  test.teardown(() => end(traced));
  await runCalls(traced);
  const event = traced.events.find(each => each.fields['allocator'] === 'calloc');
  const pcs = traced.session.stack(event?.fields['stack'] as bigint);
  const functions = await goFunctions(traced.workload, pcs.slice(1));
  const own = functions.filter(name => !/^runtime\.|\.func\d+$/.test(name));
  test.same(own, [
    'main._Cfunc_call_calloc',
    'main.plain',
    'sonde.test/workloads/line.Serve',
    'main.main',
  ]);
  test.equal(event?.fields['goid'], 1, 'main runs on goroutine 1');
  reportCompared(own.length);
});

t.test('stream: a call into C inside a call into C has its own Go frames', async test => {
  const traced = await trace(startWorkload('callocs'), { request: { mode: 'stream' } });
  test.teardown(() => end(traced));
  const told = await traced.workload.command('nest');
  traced.session.drain();
  const framesOf = async (place: string): Promise<string[]> => {
    const address = BigInt(String(told[place]));
    const event = traced.events.find(each => each.fields['address'] === address);
    const pcs = traced.session.stack(event?.fields['stack'] as bigint);
    const functions = await goFunctions(traced.workload, pcs.slice(1));
    // The closures are cgo's: it checks the pointers that are passed in one.
    return functions.filter(name => /^main\.[^.]+$/.test(name)).slice(0, 2);
  };
  test.same(await framesOf('before'), ['main._Cfunc_call_nested', 'main.nest']);
  test.same(await framesOf('inside'), ['main._Cfunc_call_malloc', 'main.innerCall']);
  test.same(await framesOf('after'), ['main._Cfunc_call_nested', 'main.nest']);
  reportCompared(3);
});

t.test('aggregate: what is live, and the totals, after all calls', async test => {
  const traced = await trace(startWorkload('callocs'), { request: { mode: 'aggregate' } });
  test.teardown(() => end(traced));
  const calls = await runCalls(traced);
  const live = new Map<bigint, Call>();
  const truth = { allocs: 0, frees: 0, allocBytes: 0, freeBytes: 0, reallocs: 0, failed: 0 };
  let unknown = 0;
  for (const call of calls) {
    if (call.address === 0n && !(call.function === 'realloc' && call.size === 0)) {
      truth.failed++;
      continue;
    }
    if (call.old !== undefined) {
      const freed = live.get(call.old);
      live.delete(call.old);
      if (freed === undefined) unknown++;
      else {
        truth.frees++;
        truth.freeBytes += freed.size;
      }
      if (call.address !== undefined && call.address !== 0n) truth.reallocs++;
    }
    if (call.address === undefined || call.address === 0n) continue;
    live.set(call.address, call);
    truth.allocs++;
    truth.allocBytes += call.size;
  }
  const seen = new Map(rows(traced.session, 'live') as [bigint, Record<string, unknown>][]);
  for (const [address, call] of live) {
    const { size: sizeBytes, usable: usableBytes } = call;
    test.match(seen.get(address), { sizeBytes, usableBytes }, `${call.function} ${call.case}`);
    seen.delete(address);
  }
  test.same([...seen], [], 'nothing else is live');
  const [totals] = rows(traced.session, 'totals').map(([, value]) => value);
  test.match(totals, { ...truth, freedBeforeAttach: unknown });
  test.equal(unknown, 1, 'one allocation was made before the attach, and freed after it');
  reportCompared(calls.length);
});
