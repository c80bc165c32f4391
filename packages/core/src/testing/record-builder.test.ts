/** The builder against bytes written out by hand. */
import t from 'tap';
import {
  array,
  bits,
  comm,
  defineProbe,
  enumOf,
  event,
  flexible,
  named,
  point,
  rawTracepoint,
  s16,
  s32,
  struct,
  toIr,
  u16,
  u64,
} from '../schema/index.js';
import { FakeClock } from './fake-clock.js';
import { buildRecord } from './record-builder.js';

const IR = toIr(
  defineProbe({
    name: 'sample',
    about: 'Awkward fields.',
    types: {
      colour: enumOf('A colour.', { red: 'as blood', blue: 'as the sky' }),
      pair: struct('Two numbers.', { left: u16('left'), right: s16('right') }),
    },
    events: {
      first: event('Not used.', { value: u64('a value') }),
      mixed: event('All kinds.', {
        small: s32('signed'),
        colour: named('colour', 'an enum'),
        pairs: array(named('pair'), 2, 'structs'),
        name: comm(),
        count: u16('entries of list'),
        low: bits('u8', 3, 'three bits'),
        high: bits('u8', 5, 'five bits'),
        list: flexible(u16(), { lengthField: 'count', maxLength: 8 }, 'the rest'),
      }),
    },
    attach: [point('p', { about: 'something', oneOf: [rawTracepoint('x', { program: 'on_x' })] })],
  }),
);

t.test('fields lie where the representation says', async t => {
  const record = buildRecord(
    IR,
    'mixed',
    {
      small: -2,
      colour: 'blue',
      pairs: [
        { left: 1, right: -1 },
        { left: 2, right: -2 },
      ],
      name: 'worker',
      count: 3,
      low: 5,
      high: 17,
      list: [7, 8, 9],
    },
    { eventBase: 512, ktimeNs: 99n },
  );
  const fields = IR.events[1]?.struct.fields ?? [];
  const at = (name: string): number => fields.find(each => each.name === name)?.offsetBytes ?? -1;
  t.equal(record.getUint16(0, true), 513);
  t.equal(record.getUint32(4, true), record.byteLength);
  t.equal(record.getBigUint64(8, true), 99n);
  t.equal(record.getInt32(at('small'), true), -2);
  t.equal(record.getUint8(at('colour')), 1);
  t.equal(record.getInt16(at('pairs') + 6, true), -2);
  t.equal(record.getUint8(at('name')), 'w'.charCodeAt(0));
  t.equal(record.getUint8(at('low')), 5 | (17 << 3));
  t.equal(record.getUint16(at('list') + 4, true), 9);
});

t.test('names that the schema does not have are refused', async t => {
  t.throws(() => buildRecord(IR, 'nothing', {}), RangeError);
  t.throws(() => buildRecord(IR, 'first', { other: 1 }), RangeError);
  t.throws(() => buildRecord(IR, 'mixed', { colour: 'green' }), RangeError);
});

t.test('the fake clock moves only when told, and never back', async t => {
  const clock = new FakeClock(5n);
  const { now } = clock;
  t.equal(now(), 5n);
  clock.advance(3n);
  t.equal(now(), 8n);
  t.throws(() => clock.advance(-1n), RangeError);
});
