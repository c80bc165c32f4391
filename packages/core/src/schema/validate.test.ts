/**
 * Every way to write a wrong schema, and the one sentence that it gives. Lines are tested in
 * tools/codegen, where a schema has a file.
 */
import t from 'tap';
import {
  array,
  arrayMap,
  bits,
  bytes,
  cFunction,
  defineProbe,
  enumOf,
  event,
  flexible,
  hash,
  named,
  param,
  point,
  SchemaError,
  str,
  struct,
  toIr,
  u16,
  u32,
  u64,
  u8,
  union,
  type ProbeDefinition,
  type Unit,
} from './index.js';

const attach = [
  point('malloc', { about: 'malloc', oneOf: [cFunction('malloc', { program: 'on_malloc' })] }),
];

function define(parts: Partial<ProbeDefinition>): ProbeDefinition {
  return defineProbe({ name: 'sample', about: 'for tests', events: {}, attach, ...parts });
}

function withFields(fields: Parameters<typeof event>[1], parts: Partial<ProbeDefinition> = {}) {
  return define({ events: { one: event('an event', fields) }, ...parts });
}

const WRONG: readonly [string, ProbeDefinition, string][] = [
  ['no sentence', withFields({ a: u8() }), 'events.one.a: about is missing'],
  [
    'a keyword of C',
    withFields({ register: u8('a') }),
    'events.one.register: name "register" is a keyword of C',
  ],
  [
    'a keyword of TypeScript',
    withFields({ await: u8('a') }),
    'events.one.await: name "await" is a keyword of TypeScript',
  ],
  [
    'snake case',
    withFields({ size_bytes: u8('a') }),
    'events.one.size_bytes: name "size_bytes" is not camelCase',
  ],
  [
    'a name that decoders use',
    withFields({ push: u8('a') }),
    'events.one.push: name "push" is used by the generated code itself',
  ],
  [
    'the name of a padding',
    withFields({ pad0: u8('a') }),
    'events.one.pad0: name "pad0" is used by the generated code itself',
  ],
  [
    'two names that meet',
    withFields({ at2: u64('a'), at2Lo: u32('b') }),
    'events.one.at2Lo: name "at2Lo" is made twice: by "at2" and "at2Lo"',
  ],
  [
    'an event and a type of one name',
    withFields({ a: u8('a') }, { types: { one: struct('s', { a: u8('a') }) } }),
    'events.one: name "one" is declared twice: as an event and as a type',
  ],
  [
    'a type that hides JavaScript',
    withFields({ a: u8('a') }, { types: { map: struct('s', { a: u8('a') }) } }),
    'types.map: type "Map" would hide JavaScript\'s own',
  ],
  [
    'a type of the framework',
    withFields({ a: u8('a') }, { types: { sondeHeader: struct('s', { a: u8('a') }) } }),
    'types.sondeHeader: name "sondeHeader" belongs to the framework: it starts with "sonde"',
  ],
  [
    'an empty array',
    withFields({ a: array(u8(), 0, 'a') }),
    'events.one.a: array has length 0; it needs at least 1',
  ],
  [
    'empty text',
    withFields({ a: str(0, 'a') }),
    'events.one.a: string has length 0; it needs at least 1',
  ],
  [
    'half a byte',
    withFields({ a: bytes(1.5, 'a') }),
    'events.one.a: byte array has length 1.5; it needs at least 1',
  ],
  [
    'a flexible array before the end',
    withFields({
      n: u8('n'),
      a: flexible(u8(), { lengthField: 'n', maxLength: 3 }, 'a'),
      b: u8('b'),
    }),
    'events.one.b: field comes after the flexible array a',
  ],
  [
    'a flexible array without its length',
    withFields({ a: flexible(u8(), { lengthField: 'n', maxLength: 3 }, 'a') }),
    'events.one.a: length field "n" is not an unsigned field of this event',
  ],
  [
    'a length that is too narrow',
    withFields({ n: u8('n'), a: flexible(u8(), { lengthField: 'n', maxLength: 256 }, 'a') }),
    'events.one.a: maximum length 256 does not fit the u8 field "n"',
  ],
  [
    'a flexible array in a struct',
    withFields(
      { a: named('s', 'a') },
      {
        types: {
          s: struct('s', {
            n: u8('n'),
            a: flexible(u8(), { lengthField: 'n', maxLength: 3 }, 'a'),
          }),
        },
      },
    ),
    'types.s.a: flexible array in a named struct',
  ],
  [
    'too large a record',
    withFields({ a: array(u64(), 600, 'a') }),
    'events.one: record of 4816 bytes is above the limit of 4080',
  ],
  [
    'a bit-field over its unit',
    withFields({ a: bits('u8', 5, 'a'), b: bits('u8', 4, 'b') }),
    'events.one.b: bit-field of 4 bits crosses the end of its u8: 3 bits left',
  ],
  [
    'bit-fields of two widths in one unit',
    withFields({ a: bits('u8', 5, 'a'), b: bits('u16', 4, 'b') }),
    'events.one.b: bit-field of u16 starts inside an unfinished u8',
  ],
  [
    'a bit-field wider than its type',
    withFields({ a: bits('u8', 9, 'a') }),
    'events.one.a: bit-field of 9 bits does not fit a u8',
  ],
  [
    'bit-fields in an array',
    withFields({ a: array(bits('u8', 2), 3, 'a') }),
    'events.one.a: array of bit-fields does not exist in C',
  ],
  [
    'an unknown unit',
    withFields({ a: u32('a', { unit: 'furlong' as Unit }) }),
    'events.one.a: unit "furlong" is not known',
  ],
  [
    'an unknown type',
    withFields({ a: named('nothing', 'a') }),
    'events.one.a: type "nothing" is not declared',
  ],
  [
    'recursion',
    withFields(
      { a: named('x', 'a') },
      { types: { x: struct('x', { y: named('y', 'y') }), y: struct('y', { x: named('x', 'x') }) } },
    ),
    'types.y.x: type "x" contains itself: x → y → x',
  ],
  [
    'a union without its tag',
    withFields(
      { a: named('u', 'a') },
      {
        types: {
          s: struct('s', { a: u8('a') }),
          u: union('u', { tagField: 'kind', variants: { s: 's' } }),
        },
      },
    ),
    'events.one.a: union "u" needs an enum field "kind" beside it',
  ],
  [
    'an array of unions',
    withFields(
      { a: array('u', 2, 'a') },
      {
        types: {
          s: struct('s', { a: u8('a') }),
          u: union('u', { tagField: 'kind', variants: { s: 's' } }),
        },
      },
    ),
    'events.one.a: array of union "u" has no place for its tags',
  ],
  [
    'an enum value twice',
    withFields(
      { a: named('e', 'a') },
      { types: { e: enumOf('e', { x: 'x', y: { value: 0, about: 'y' } }) } },
    ),
    'types.e.y: value 0 is already the value of "x"',
  ],
  [
    'an enum value out of range',
    withFields(
      { a: named('e', 'a') },
      { types: { e: enumOf('e', { x: { value: 256, about: 'x' } }) } },
    ),
    'types.e.x: value 256 does not fit u8',
  ],
  [
    'a map sized by nothing',
    define({
      maps: { m: hash({ about: 'm', key: u32(), value: u32(), maxEntries: param('none') }) },
    }),
    'maps.m.maxEntries: parameter "none" is not declared',
  ],
  [
    'a map without entries',
    define({ maps: { m: arrayMap({ about: 'm', value: u32(), maxEntries: 0 }) } }),
    'maps.m.maxEntries: map has length 0; it needs at least 1',
  ],
  [
    'a map called like a program',
    define({ maps: { onMalloc: arrayMap({ about: 'm', value: u32(), maxEntries: 1 }) } }),
    'maps.onMalloc: name "onMalloc" is the name of a program too',
  ],
  [
    'a default out of range',
    define({ params: { p: param(u16('p'), { default: 65536 }) } }),
    'params.p: default 65536 does not fit u16',
  ],
  [
    'a parameter that is a field of every config',
    define({ params: { mode: param(u16('p'), { default: 1 }) } }),
    'params.mode: name "mode" is a field of every config struct',
  ],
  [
    'what is no type',
    withFields({ a: { kind: 'u128', about: 'a' } as never }),
    'events.one.a: {"kind":"u128","about":"a"} is no type of a field',
  ],
  [
    'a text for a type',
    withFields({ a: 'u32' as never }),
    'events.one.a: "u32" is no type of a field',
  ],
  ['no attach point', define({ attach: [] }), 'attach: list is empty'],
  [
    'one point twice',
    define({ attach: [...attach, ...attach] }),
    'attach.malloc: point "malloc" exists twice',
  ],
  [
    'a name that is no kebab',
    define({ name: 'Sample_1' }),
    'name: name "Sample_1" is not kebab-case',
  ],
];

for (const [what, definition, message] of WRONG) {
  t.test(what, async t => {
    t.throws(() => toIr(definition), { name: 'SchemaError', message: `schema ${message}` });
  });
}

t.test('an error stands at the nearest line that is known', async t => {
  const known: Record<string, number> = { 'events.one': 7 };
  const source = {
    position: (path: string) => {
      const line = known[path];
      return line === undefined ? undefined : { file: 'schema.ts', line };
    },
  };
  const wrong = withFields({ a: array(u8(), 0, 'a') });
  t.throws(() => toIr(wrong, source), {
    message: 'schema.ts:7: schema events.one.a: array has length 0; it needs at least 1',
  });
  t.ok(new SchemaError('x', 'y', 'z').hint);
});
