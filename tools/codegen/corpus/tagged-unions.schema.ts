/** Layout corpus: variants of other sizes and alignments in one place. */
import {
  address,
  array,
  defineProbe,
  enumOf,
  event,
  named,
  point,
  rawTracepoint,
  struct,
  u16,
  u32,
  u64,
  u8,
  union,
} from '@sonde/core/schema';

export default defineProbe({
  name: 'tagged-unions',
  about: 'layout corpus, never attached',
  types: {
    shape: enumOf('which variant', { dot: 'a dot', line: 'a line', none: 'has no variant' }),
    dot: struct('one byte', { x: u8('x') }),
    line: struct('aligned to eight', { x: u16('x'), from: u64('from'), to: u32('to') }),
    body: union('a dot or a line', { tagField: 'shape', variants: { dot: 'dot', line: 'line' } }),
    tagged: struct('tag and union together', {
      shape: named('shape', 'tag'),
      body: named('body', 'variant'),
    }),
  },
  events: {
    single: event('one union', {
      lead: u8('byte'),
      shape: named('shape', 'tag'),
      body: named('body', 'variant'),
      end: u8('byte'),
    }),
    nested: event('in structs and arrays', {
      first: named('tagged', 'nested'),
      list: array('tagged', 2, 'array'),
      where: address('behind'),
    }),
  },
  attach: [
    point('never', { about: 'nothing', oneOf: [rawTracepoint('sys_enter', { program: 'never' })] }),
  ],
});
