/** Layout corpus: structs with padding at their ends, inside each other. */
import {
  defineProbe,
  event,
  named,
  point,
  rawTracepoint,
  struct,
  u16,
  u32,
  u64,
  u8,
} from '@sonde/core/schema';

export default defineProbe({
  name: 'nested-structs',
  about: 'layout corpus, never attached',
  types: {
    inner: struct('ends with padding', { wide: u64('wide'), small: u8('small') }),
    middle: struct('holds one after a byte', {
      first: u8('byte'),
      inner: named('inner', 'nested'),
      last: u16('half'),
    }),
    tiny: struct('aligned to one', { only: u8('byte') }),
  },
  events: {
    nested: event('three levels', {
      a: u8('byte'),
      middle: named('middle', 'two levels'),
      tiny: named('tiny', 'one byte'),
      b: u32('word'),
    }),
  },
  attach: [
    point('never', { about: 'nothing', oneOf: [rawTracepoint('sys_enter', { program: 'never' })] }),
  ],
});
