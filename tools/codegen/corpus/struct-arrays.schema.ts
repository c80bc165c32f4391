/** Layout corpus: arrays of structs whose stride includes padding. */
import {
  array,
  defineProbe,
  event,
  point,
  rawTracepoint,
  struct,
  u16,
  u32,
  u64,
  u8,
} from '@sonde/core/schema';

export default defineProbe({
  name: 'struct-arrays',
  about: 'layout corpus, never attached',
  types: {
    pair: struct('six bytes', { key: u32('key'), value: u16('value') }),
    loose: struct('16 bytes, nine used', { where: u64('wide'), flag: u8('flag') }),
  },
  events: {
    arrays: event('arrays of structs', {
      lead: u8('byte'),
      pairs: array('pair', 3, 'stride 8'),
      tail: u8('byte'),
      loose: array('loose', 2, 'stride 16'),
    }),
    grid: event('a grid of structs', {
      cells: array(array('pair', 2), 3, 'two dimensions'),
      end: u8('byte'),
    }),
  },
  attach: [
    point('never', { about: 'nothing', oneOf: [rawTracepoint('sys_enter', { program: 'never' })] }),
  ],
});
