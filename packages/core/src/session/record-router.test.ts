/** Records by number and size, and what happens to those that fit nothing. */
import t from 'tap';
import { buildRecord } from '../testing/record-builder.js';
import { FIXTURE_IR } from '../testing/fixture-session.js';
import { EVENTS_PER_PROBE, RecordRouter } from './record-router.js';

const OTHER_IR = { ...FIXTURE_IR, name: 'other' };

t.test('each event reaches its probe, in any order', async t => {
  const router = new RecordRouter();
  t.equal(router.add(FIXTURE_IR), 0);
  const eventBase = router.add(OTHER_IR);
  t.equal(eventBase, EVENTS_PER_PROBE);
  const seen: string[] = [];
  router.on('other', 'call', (view, offset) => {
    seen.push(`other ${view.getBigUint64(offset + 16, true)}`);
  });
  router.onAny((probe, event) => seen.push(`${probe}/${event}`));
  const late = buildRecord(OTHER_IR, 'call', { argument: 5n }, { eventBase, ktimeNs: 20n });
  const early = buildRecord(FIXTURE_IR, 'call', { argument: 6 }, { ktimeNs: 10n });
  for (const record of [late, early]) router.route(record, 0, record.byteLength);
  t.same(seen, ['other 5', 'other/call', 'fixture/call']);
  t.equal(router.malformedTotal, 0);
});

t.test('unknown numbers and wrong sizes are counted, never handed on', async t => {
  const router = new RecordRouter();
  router.add(FIXTURE_IR);
  router.onAny(() => t.fail('nothing here is an event'));
  const good = buildRecord(FIXTURE_IR, 'call', {});
  const foreign = buildRecord(FIXTURE_IR, 'call', {}, { eventBase: 7 * EVENTS_PER_PROBE });
  const unknown = buildRecord(FIXTURE_IR, 'call', {}, { eventBase: 9 });
  router.route(good, 0, good.byteLength - 8);
  router.route(unknown, 0, unknown.byteLength);
  t.equal(router.malformed('fixture'), 2);
  router.route(foreign, 0, foreign.byteLength);
  router.route(good, 0, 8);
  t.equal(router.malformed('fixture'), 2);
  t.equal(router.malformedTotal, 4);
});

t.test('names that the session does not have are refused', async t => {
  const router = new RecordRouter();
  router.add(FIXTURE_IR);
  t.throws(() => router.on('fixture', 'nothing', () => undefined), { name: 'UsageError' });
  t.throws(() => router.on('nothing', 'call', () => undefined), { name: 'UsageError' });
});
