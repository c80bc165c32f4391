/**
 * Sessions against a real kernel: a C program that says how often it called work(), and a probe
 * that must have seen exactly that. Skipped where BPF cannot run, for a stated reason.
 */
import t from 'tap';
import { startSession } from './session.js';
import { LoadError, UsageError } from './errors.js';
import type { Session, SessionOptions } from './session/session-types.js';
import { FixtureTarget, fixtureProbe } from './testing/fixture-session.js';
import { hostLane } from './testing/index.js';

// Compilers and the verifier run here; tap's 30 s are too few on a busy machine.
t.setTimeout(240_000);

const skip = await hostLane();

interface Seen {
  readonly calls: bigint[];
  readonly returns: bigint[];
  readonly sites: Set<number>;
}

async function open(
  target: FixtureTarget,
  options: Partial<SessionOptions> = {},
  request: object = {},
): Promise<{ session: Session<FixtureTarget>; seen: Seen }> {
  const session = await startSession(target, {
    pid: target.info.pid,
    probes: [{ module: fixtureProbe(), ...request }],
    maxOverhead: 'off',
    ...options,
  });
  const seen: Seen = { calls: [], returns: [], sites: new Set() };
  session.onEvent('fixture', 'call', (view, offset) => {
    const list = view.getUint32(offset + 28, true) === 0 ? seen.calls : seen.returns;
    list.push(view.getBigUint64(offset + 16, true));
    seen.sites.add(view.getUint32(offset + 24, true));
  });
  return { session, seen };
}

/** Every way to attach and to name a site must see the same. */
const WAYS = [
  { title: 'uprobe_multi with cookies', features: {} },
  { title: 'uprobe_multi without cookies', features: { cookies: false } },
  { title: 'perf events with cookies', features: { uprobeMulti: false } },
  { title: 'perf events without cookies', features: { uprobeMulti: false, cookies: false } },
] as const;

for (const { title, features } of WAYS) {
  t.test(`${title}: every call and return is seen once`, { skip }, async t => {
    const target = await FixtureTarget.start();
    t.teardown(() => target.end());
    const { session, seen } = await open(target, { features });
    t.teardown(() => session.close());
    await target.call(100);
    const made = await target.call(50, 'thread');
    await session.stop();
    t.equal(made, 150);
    t.equal(seen.calls.length, made);
    t.equal(seen.returns.length, made);
    t.same(seen.calls.slice(0, 3), [1n, 2n, 3n]);
    t.same(seen.returns.slice(0, 3), [2n, 4n, 6n]);
    t.same([...seen.sites].sort(), [0, 1]);
    const [call, back] = session.probes[0]?.points ?? [];
    t.equal(call?.alternative, 'cFunction:work');
    t.match(call?.failures[0]?.alternative, 'kprobe:sonde_no_such_function');
    t.equal(call?.sites[0]?.hits, made);
    t.equal(back?.sites[0]?.hits, made);
    t.equal(back?.sites[0]?.costClass, 'uretprobe');
    t.equal(session.losses().malformed + session.losses().ringFull, 0);
    t.equal(session.cost().hits >= 2 * made, true);
    t.same(await session.ended, { reason: 'stopped' });
  });
}

t.test('with a ring of 4 KiB, produced = consumed + lost', { skip }, async t => {
  const target = await FixtureTarget.start();
  t.teardown(() => target.end());
  const { session, seen } = await open(target, { ringBytes: 4096 }, { skipPoints: ['back'] });
  t.teardown(() => session.close());
  let made = 0;
  for (let i = 0; i < 5; i++) made = await target.call(2000);
  await session.stop();
  const lost = session.losses().ringFull;
  t.ok(lost > 0, `${lost} of ${made} were lost`);
  t.equal(seen.calls.length + lost, made);
  t.equal(session.losses().probes['fixture']?.ringFull, lost);
});

t.test('aggregate mode fills the map, bounded by its parameter', { skip }, async t => {
  const target = await FixtureTarget.start();
  t.teardown(() => target.end());
  const { session, seen } = await open(
    target,
    {},
    { mode: 'aggregate', params: { maxCalls: 200 }, skipPoints: ['back'] },
  );
  t.teardown(() => session.close());
  await target.call(150);
  await target.call(100);
  await session.stop();
  t.equal(seen.calls.length, 0);
  const rows = session.readMap('fixture', 'callsByArgument');
  t.equal(rows.count, 150);
  let total = 0n;
  for (let i = 0; i < rows.count; i++) total += rows.values.getBigUint64(8 * i, true);
  t.equal(total, 250n);
  t.equal(session.losses().mapFull, 0);
  t.throws(() => session.readMap('fixture', 'nothing'), { name: 'UsageError' });
});

t.test('a full map is counted as a loss', { skip }, async t => {
  const target = await FixtureTarget.start();
  t.teardown(() => target.end());
  const request = { params: { maxCalls: 10 }, skipPoints: ['back'] };
  const { session } = await open(target, {}, request);
  t.teardown(() => session.close());
  await target.call(100);
  await session.stop();
  t.equal(session.readMap('fixture', 'callsByArgument').count, 10);
  t.equal(session.losses().mapFull, 90);
});

t.test('the session ends when the target does, and with the signal', { skip }, async t => {
  const target = await FixtureTarget.start();
  const first = await open(target);
  const controller = new AbortController();
  const second = await open(target, { signal: controller.signal });
  controller.abort();
  t.same(await second.session.ended, { reason: 'aborted' });
  await target.end();
  t.same(await first.session.ended, { reason: 'target-exited' });
  await first.session.close();
  await second.session.close();
  await second.session.close();
  t.equal(first.session.drain(), 0, 'a closed session has nothing to read');
});

t.test('the brake detaches the hottest point and says so', { skip }, async t => {
  const target = await FixtureTarget.start();
  t.teardown(() => target.end());
  const lines: string[] = [];
  const { session } = await open(target, { maxOverhead: 1e-6, log: line => lines.push(line) });
  t.teardown(() => session.close());
  const deadline = Date.now() + 10_000;
  while (session.cost().brake.length === 0 && Date.now() < deadline) await target.call(200);
  const [action] = session.cost().brake;
  t.equal(action?.probe, 'fixture');
  const point = session.probes[0]?.points.find(each => each.point === action?.point);
  t.equal(point?.attached, false);
  const pair = session.cost().brake.map(each => each.point);
  t.same(pair.slice(0, 2), ['call', 'back'], 'entry and return are given up together');
  t.match(point?.detachReason, /of one CPU/);
  t.match(lines[0], /^brake: fixture\//);
});

t.test(
  'wrong names and hidden places are refused, and nothing stays attached',
  { skip },
  async t => {
    const target = await FixtureTarget.start();
    t.teardown(() => target.end());
    await t.rejects(open(target, {}, { attach: { call: 'magic' } }), UsageError);
    await t.rejects(open(target, {}, { skipPoints: ['nothing'] }), UsageError);
    await t.rejects(open(target, {}, { params: { nothing: 1 } }), LoadError);
    target.hidden = true;
    await t.rejects(open(target), /attach point call: no alternative works/);
  },
);
