/** Layout corpus: the largest record that the smallest ring takes. */
import {
  array,
  bytes,
  defineProbe,
  event,
  point,
  rawTracepoint,
  u64,
  u8,
} from '@sonde/core/schema';

export default defineProbe({
  name: 'largest-record',
  about: 'layout corpus, never attached',
  events: {
    largest: event('4080 bytes', {
      lead: u8('byte'),
      words: array(u64(), 500, 'words'),
      rest: bytes(56, 'rest'),
    }),
  },
  attach: [
    point('never', { about: 'nothing', oneOf: [rawTracepoint('sys_enter', { program: 'never' })] }),
  ],
});
