/** What the kit says of events that are, and are not, those that a test expected: no kernel. */
import type { ProbeModule } from '@sonde/core/decode';
import { buildRecord, FakeClock } from '@sonde/core/records';
import {
  address,
  defineProbe,
  durationNs,
  event,
  point,
  rawTracepoint,
  tid,
  toIr,
} from '@sonde/core/schema';
import t from 'tap';
import { EventLog, recordEvents } from './event-log.js';
import { EventsDiffer, expectEvents, type WaitClock } from './expect-events.js';
import { atLeast, between, oneOf, satisfies } from './matchers.js';

const IR = toIr(
  defineProbe({
    name: 'waits',
    about: 'Waits of threads.',
    events: {
      wait: event('A wait is over.', {
        ns: durationNs('how long'),
        place: address('where'),
        tid: tid('who'),
      }),
    },
    attach: [point('p', { about: 'it', oneOf: [rawTracepoint('x', { program: 'on_x' })] })],
  }),
);

/** Decodes by the representation, as generated code does by constants. */
const PROBE: ProbeModule = {
  ir: IR,
  maps: {},
  objectBase: new URL('file:///none/'),
  events: {
    wait: {
      index: 0,
      name: 'wait',
      sizeBytes: IR.events[0]?.struct.sizeBytes ?? 0,
      columns: [
        { name: 'ns', kind: 'bigint', unit: 'durationNs', about: '' },
        { name: 'place', kind: 'bigint', unit: 'address', about: '' },
        { name: 'tid', kind: 'number', unit: 'tid', about: '' },
      ],
      decode: (view, offset) => ({
        ns: view.getBigUint64(offset + 16, true),
        place: view.getBigUint64(offset + 24, true),
        tid: view.getUint32(offset + 32, true),
      }),
    },
  },
};

/** A clock that every sleep moves; `later` is called at the given times in milliseconds. */
function clockWith(later: Readonly<Record<number, () => void>> = {}): WaitClock {
  const clock = new FakeClock(0n);
  const due = new Map(Object.entries(later).map(([at, step]) => [Number(at), step]));
  return {
    now: clock.now,
    sleep: milliseconds => {
      clock.advance(BigInt(milliseconds) * 1_000_000n);
      for (const [at, step] of due) {
        if (Number(clock.now()) / 1e6 < at) continue;
        due.delete(at);
        step();
      }
      return Promise.resolve();
    },
  };
}

/** The lines by which the log differs; fails where it does not. */
async function difference(
  log: EventLog,
  expected: Parameters<typeof expectEvents>[1],
  options: Parameters<typeof expectEvents>[2] = { clock: clockWith(), timeoutMs: 50 },
): Promise<string[]> {
  try {
    await expectEvents(log, expected, options);
  } catch (error) {
    if (error instanceof EventsDiffer) return [error.message, ...error.diff.split('\n')];
    throw error;
  }
  throw new Error('nothing differed');
}

t.test('events are waited for, and come back in the order of the expectations', async t => {
  const log = new EventLog(PROBE, 'wait');
  const clock = clockWith({
    20: () => log.put({ ns: 7n, place: 0x1000n, tid: 2 }),
    300: () => log.put({ ns: 5n, place: 0x2000n, tid: 1 }),
  });
  const [first, second] = await expectEvents(log, [{ tid: 1, ns: 5 }, { tid: 2 }], { clock });
  t.match(first, { ns: 5n, place: 0x2000n });
  t.match(second, { ns: 7n, tid: 2 });
  t.ok(clock.now() >= 300_000_000n && clock.now() < 400_000_000n, 'and not longer than needed');
});

t.test('a session is read by its handler, and its ring whenever something is missing', async t => {
  let deliver: (view: DataView, offset: number) => void = () => t.fail('nobody listens');
  let unread = 2;
  const session = {
    onEvent: (_probe: string, _event: string, handler: typeof deliver) => (deliver = handler),
    drain: () => {
      if (unread === 0) return 0;
      unread--;
      deliver(buildRecord(IR, 'wait', { tid: unread }), 0);
      return 1;
    },
  };
  const log = recordEvents(session, PROBE, 'wait');
  await expectEvents(log, [{ tid: 0 }, { tid: 1 }], { clock: clockWith() });
  t.equal(log.events.length, 2);
  log.clear();
  t.equal(log.events.length, 0);
  t.throws(() => recordEvents(session, PROBE, 'walt'), /event walt of waits: it has only wait$/);
  const losing = { ...session, losses: () => ({ ringFull: 2, stackLost: 0, probes: {} }) };
  t.match(await difference(recordEvents(losing, PROBE, 'wait'), [{ tid: 1 }]), [
    /1 missing, after 50 ms; lost: ringFull 2$/,
  ]);
});

t.test('a difference names the fields; values are shown by their units', async t => {
  const log = new EventLog(PROBE, 'wait');
  log.put({ ns: 7n, place: 0xc000n, tid: 2 });
  log.put({ ns: 1n, place: 0xd000n, tid: 3 });
  t.strictSame(await difference(log, [{ tid: 2, place: 0xe000n, ns: atLeast(9) }, { tid: 9 }]), [
    'expect wait of waits: 0 of 2 as expected, 1 different, 1 missing, 1 unexpected, after 50 ms',
    '  ~ ns 7, place 0xc000, tid 2',
    '      place: expected 0xe000, saw 0xc000',
    '      ns: expected at least 9, saw 7',
    '  - tid 9',
    '  + ns 1, place 0xd000, tid 3',
  ]);
  t.match(await difference(log, [{ tid: 2, pid: 4 }, { tid: 3 }]), [
    /1 of 2 as expected, 1 different, after/,
    /~/,
    '      pid: expected 4, saw nothing: the event has no such field',
  ]);
});

t.test('one event too many fails at once, and late ones within the settling time', async t => {
  const log = new EventLog(PROBE, 'wait');
  log.put({ tid: 1 });
  log.put({ tid: 1 });
  const clock = clockWith();
  await t.rejects(expectEvents(log, [{ tid: 1 }], { clock }), {
    message: 'expect wait of waits: 1 of 1 as expected, 1 unexpected, after 0 ms',
    diff: '  + ns 0, place 0x0, tid 1',
  });
  t.equal(clock.now(), 0n, 'without waiting');
  const mine = (seen: object): boolean => 'place' in seen && seen.place === 8n;
  t.strictSame(await expectEvents(log, [], { where: mine }), [], 'others are not looked at');
  t.match(
    await difference(log, [{ tid: 1 }], { clock: clockWith(), timeoutMs: 20, where: mine }),
    [/0 of 1 as expected, 1 missing, after 20 ms; `where` left out 2 more$/],
    'an event that the condition leaves out did come',
  );
  await expectEvents(log, [{ tid: 1 }], { others: 'allowed' });
  log.clear();
  log.put({ tid: 1 });
  const late = clockWith({ 30: () => log.put({ tid: 4 }) });
  t.match(await difference(log, [{ tid: 1 }], { clock: late, settleMs: 40 }), [
    /1 of 1 as expected, 1 unexpected, after 40 ms$/,
    '  + ns 0, place 0x0, tid 4',
  ]);
});

t.test('an expectation that fits many leaves the one that another needs', async t => {
  const log = new EventLog(PROBE, 'wait');
  log.put({ tid: 1, ns: 10n });
  log.put({ tid: 1, ns: 90n });
  const seen = await expectEvents(log, [{ tid: oneOf(1, 2) }, { ns: between(5, 20) }]);
  t.match(seen, [{ ns: 90n }, { ns: 10n }]);
  await expectEvents(log, [{ ns: satisfies('round', ns => Number(ns) % 10 === 0) }, { tid: 1 }]);
  t.throws(() => between(3, 2), RangeError);
});

t.test('a long difference is cut, and says by how much', async t => {
  const log = new EventLog(PROBE, 'wait');
  for (let tid = 0; tid < 20; tid++) log.put({ tid });
  const lines = await difference(log, []);
  t.equal(lines.length, 1 + 12 + 1);
  t.equal(lines[13], '  … and 8 more unexpected');
});
