/**
 * Layout by hand-computed offsets, and the IR's own promises. The proof against compilers lies in
 * tools/codegen; here are the cases that a reader wants to see in numbers.
 */
import t from 'tap';
import {
  array,
  bits,
  comm,
  defineProbe,
  event,
  flexible,
  hash,
  named,
  param,
  point,
  rawTracepoint,
  struct,
  toIr,
  u16,
  u32,
  u64,
  u8,
  type Fields,
  type ProbeDefinition,
  type StructIr,
} from './index.js';

/** A probe with one event of these fields; whatever a test adds is what the test is about. */
function probeWith(fields: Fields, rest: Partial<ProbeDefinition> = {}): ProbeDefinition {
  return defineProbe({
    name: 'sample',
    about: 'for tests',
    events: { one: event('an event', fields) },
    attach: [
      point('never', {
        about: 'nothing',
        oneOf: [rawTracepoint('sys_enter', { program: 'never' })],
      }),
    ],
    ...rest,
  });
}

function places(struct: StructIr | undefined): string[] {
  const fields = struct?.fields ?? [];
  return fields.map(field => {
    const bit = field.bitOffset === undefined ? '' : `.${field.bitOffset}`;
    return `${field.offsetBytes}${bit} ${field.name} ${field.sizeBytes}`;
  });
}

function eventPlaces(fields: Fields): string[] {
  return places(toIr(probeWith(fields)).events[0]?.struct);
}

t.test('holes are named padding fields', async t => {
  t.strictSame(eventPlaces({ a: u8('a'), b: u64('b'), c: u16('c') }), [
    '0 header 16',
    '16 a 1',
    '17 pad0 7',
    '24 b 8',
    '32 c 2',
    '34 pad1 6',
  ]);
});

t.test('bit-fields share a unit, and the rest of a unit is padding', async t => {
  t.strictSame(eventPlaces({ a: bits('u32', 5, 'a'), b: bits('s32', 20, 'b'), c: u8('c') }), [
    '0 header 16',
    '16.0 a 4',
    '16.5 b 4',
    '16.25 pad0 4',
    '20 c 1',
    '21 pad1 3',
  ]);
});

t.test('a flexible array starts at the size of the struct', async t => {
  const fields = {
    n: u32('n'),
    lead: u8('lead'),
    data: flexible(u8(), { lengthField: 'n', maxLength: 9 }, 'data'),
  };
  const { struct } = toIr(probeWith(fields)).events[0] ?? {};
  t.strictSame(places(struct).slice(-2), ['21 pad0 3', '24 data 0']);
  t.equal(struct?.sizeBytes, 24);
});

t.test('arrays of structs keep their stride', async t => {
  const types = { pair: struct('a pair', { key: u32('key'), half: u16('half') }) };
  const ir = toIr(probeWith({ list: array('pair', 3, 'list'), name: comm() }, { types }));
  t.strictSame(places(ir.events[0]?.struct), ['0 header 16', '16 list 24', '40 name 16']);
});

t.test('the config struct is hash, target, parameters, mode', async t => {
  const params = { maxLive: param(u32('entries'), { default: 7 }) };
  const ir = toIr(probeWith({ a: u8('a') }, { params }));
  t.strictSame(places(ir.config), [
    '0 schemaHash 16',
    '16 target 192',
    '208 maxLive 4',
    '212 mode 4',
  ]);
});

t.test('an event can be a map value', async t => {
  const maps = { live: hash({ about: 'live', key: u64(), value: 'one', maxEntries: 4 }) };
  const ir = toIr(probeWith({ a: u8('a') }, { maps }));
  t.strictSame(ir.maps[0]?.value, { kind: 'struct', name: 'one' });
});

t.test('the hash sees layout and names, not sentences', async t => {
  const hashOf = (fields: Fields): string => toIr(probeWith(fields)).hash;
  const base = hashOf({ a: u8('a') });
  t.equal(hashOf({ a: u8('another sentence') }), base);
  t.not(hashOf({ b: u8('a') }), base);
  t.not(hashOf({ a: u16('a') }), base);
  t.match(base, /^[0-9a-f]{32}$/);
});

t.test('types come out before those that hold them', async t => {
  const types = {
    outer: struct('outer', { inner: named('inner', 'inner') }),
    inner: struct('inner', { a: u8('a') }),
  };
  const ir = toIr(probeWith({ o: named('outer', 'outer') }, { types }));
  t.strictSame(
    ir.types.map(type => type.name),
    ['inner', 'outer'],
  );
});
