/** Layout corpus: unsigned bit-fields that end exactly at the edges of their units. */
import { bits, defineProbe, event, point, rawTracepoint, u32, u8 } from '@sonde/core/schema';

export default defineProbe({
  name: 'bits-unsigned',
  about: 'layout corpus, never attached',
  events: {
    bytes: event('in bytes', {
      low: bits('u8', 1, 'one bit'),
      high: bits('u8', 7, 'the rest'),
      next: bits('u8', 8, 'a whole unit'),
    }),
    halves: event('in 16 bits', {
      low: bits('u16', 15, 'all but one'),
      top: bits('u16', 1, 'the top bit'),
      open: bits('u16', 3, 'leaves 13 bits'),
    }),
    words: event('in 32 bits', {
      low: bits('u32', 31, 'all but one'),
      top: bits('u32', 1, 'the top bit'),
      full: bits('u32', 32, 'a whole unit'),
      five: bits('u32', 5, 'low'),
      twenty: bits('u32', 20, 'middle'),
      seven: bits('u32', 7, 'high'),
      after: u8('a byte behind'),
    }),
    wide: event('in 64 bits, across the 32-bit edge', {
      low: bits('u64', 20, 'low'),
      across: bits('u64', 24, 'over bit 32'),
      high: bits('u64', 20, 'high'),
      most: bits('u64', 63, 'all but one'),
      top: bits('u64', 1, 'the top bit'),
      all: bits('u64', 64, 'a whole unit'),
      after: u32('behind'),
    }),
  },
  attach: [
    point('never', { about: 'nothing', oneOf: [rawTracepoint('sys_enter', { program: 'never' })] }),
  ],
});
