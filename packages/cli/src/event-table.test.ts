/** Cells of the table: what people read of a time, an error and an address that is not there. */
import type { EventCodec } from '@sonde/core/decode';
import t from 'tap';
import { JsonLines, type RowStacks, shownSpan, Table } from './event-table.js';

const CODEC: EventCodec = {
  index: 0,
  name: 'wait',
  sizeBytes: 0,
  decode: () => ({}),
  columns: [
    { name: 'ktimeNs', kind: 'bigint', unit: 'ktimeNs', about: '' },
    { name: 'sinceNs', kind: 'bigint', unit: 'ktimeNs', about: '' },
    { name: 'ns', kind: 'number', unit: 'durationNs', about: '' },
    { name: 'error', kind: 'number', unit: 'errno', about: '' },
    { name: 'from', kind: 'bigint', unit: 'address', about: '' },
    { name: 'to', kind: 'bigint', unit: 'address', about: '' },
  ],
};

/** No event here has a stack. */
const NO_STACKS: RowStacks = {
  canonical: id => id,
  cell: () => '',
  lines: () => '',
  json: () => undefined,
};

t.test('a span has the unit in which it is read', async t => {
  t.strictSame([0, 312, 18_400, 20_068_352, 1_234_000_000].map(shownSpan), [
    '0 ns',
    '312 ns',
    '18.40 us',
    '20.07 ms',
    '1.234 s',
  ]);
});

t.test('errors have names, and an address that is 0 is none; JSON keeps the numbers', async t => {
  const table = new Table(0n, NO_STACKS);
  const event = {
    ktimeNs: 3_000_000_000n,
    sinceNs: 2_979_931_648n,
    ns: 20_068_352,
    error: -12,
    from: 0n,
    to: 4096n,
  };
  const text = table.row(CODEC, event).split('\n');
  t.match(text[0], /^EVENT +seconds +since +ns +error +from +to$/);
  t.match(text[1], /^wait +3\.000000 +2\.979932 +20\.07 ms +ENOMEM +- +0x1000$/);
  t.match(table.row(CODEC, { ...event, error: 0 }), /20\.07 ms +- +- +0x1000/);
  t.match(table.row(CODEC, { ...event, error: -5000 }), / -5000 /);
  t.same(JSON.parse(new JsonLines('offcpu', NO_STACKS).row(CODEC, event)), {
    probe: 'offcpu',
    event: 'wait',
    ktimeNs: '3000000000',
    sinceNs: '2979931648',
    ns: 20068352,
    error: -12,
    from: '0x0',
    to: '0x1000',
  });
});
