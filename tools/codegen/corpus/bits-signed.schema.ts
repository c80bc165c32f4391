/** Layout corpus: signed bit-fields, whose sign bit lies at and inside unit edges. */
import { bits, defineProbe, event, point, rawTracepoint, s16 } from '@sonde/core/schema';

export default defineProbe({
  name: 'bits-signed',
  about: 'layout corpus, never attached',
  events: {
    bytes: event('in bytes', {
      low: bits('s8', 3, 'low'),
      high: bits('s8', 5, 'sign at the edge'),
      whole: bits('s8', 8, 'whole'),
    }),
    halves: event('in 16 bits', {
      one: bits('s16', 1, '0 or -1'),
      rest: bits('s16', 15, 'rest'),
      after: s16('behind'),
    }),
    words: event('in 32 bits', {
      low: bits('s32', 12, 'low'),
      middle: bits('s32', 8, 'middle'),
      high: bits('s32', 12, 'high'),
      whole: bits('s32', 32, 'whole'),
    }),
    wide: event('in 64 bits', {
      low: bits('s64', 31, 'low'),
      across: bits('s64', 2, 'over bit 32'),
      high: bits('s64', 31, 'high'),
      most: bits('s64', 60, 'open unit'),
    }),
  },
  attach: [
    point('never', { about: 'nothing', oneOf: [rawTracepoint('sys_enter', { program: 'never' })] }),
  ],
});
