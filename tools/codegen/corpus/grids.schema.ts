/** Layout corpus: arrays of two dimensions, rows before columns. */
import {
  array,
  bool,
  defineProbe,
  event,
  point,
  rawTracepoint,
  s64,
  str,
  u16,
  u64,
  u8,
} from '@sonde/core/schema';

export default defineProbe({
  name: 'grids',
  about: 'layout corpus, never attached',
  events: {
    grids: event('two dimensions', {
      small: array(array(u8(), 3), 5, 'bytes'),
      halves: array(array(u16(), 5), 3, 'halves'),
      wide: array(array(s64(), 2), 2, 'wide'),
      flags: array(bool(), 5, 'flags'),
      cube: array(array(array(u8(), 2), 3), 2, 'three dimensions'),
      words: array(str(5), 3, 'texts'),
      ids: array(u64(), 3, 'wide'),
    }),
  },
  attach: [
    point('never', { about: 'nothing', oneOf: [rawTracepoint('sys_enter', { program: 'never' })] }),
  ],
});
