/** Layout corpus: enums of every storage, with gaps and negative values. */
import {
  array,
  defineProbe,
  enumOf,
  event,
  named,
  point,
  rawTracepoint,
  u8,
} from '@sonde/core/schema';

export default defineProbe({
  name: 'enums',
  about: 'layout corpus, never attached',
  types: {
    color: enumOf('bytes', {
      red: 'red',
      green: { value: 7, about: 'after a gap' },
      blue: 'one more',
    }),
    small: enumOf(
      'negative values',
      {
        low: { value: -128, about: 'lowest' },
        zero: { value: 0, about: 'zero' },
        high: { value: 127, about: 'highest' },
      },
      { of: 's8' },
    ),
    half: enumOf(
      '16 bits',
      { small: { value: 1, about: 'small' }, large: { value: 65535, about: 'large' } },
      { of: 'u16' },
    ),
    word: enumOf(
      '32 bits',
      { first: { value: 0, about: 'first' }, last: { value: 4294967295, about: 'last' } },
      { of: 'u32' },
    ),
    minus: enumOf(
      '32 bits, signed',
      { least: { value: -2147483648, about: 'least' }, most: { value: 2147483647, about: 'most' } },
      { of: 's32' },
    ),
  },
  events: {
    enums: event('all of them', {
      color: named('color', 'byte'),
      word: named('word', 'word'),
      small: named('small', 'signed'),
      half: named('half', 'half'),
      minus: named('minus', 'minus'),
      many: array('color', 5, 'array'),
      end: u8('byte'),
    }),
  },
  attach: [
    point('never', { about: 'nothing', oneOf: [rawTracepoint('sys_enter', { program: 'never' })] }),
  ],
});
