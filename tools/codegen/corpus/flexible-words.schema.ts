/** Layout corpus: a flexible array of 64-bit words behind a 32-bit count. */
import {
  address,
  defineProbe,
  event,
  flexible,
  point,
  rawTracepoint,
  u32,
  u64,
} from '@sonde/core/schema';

export default defineProbe({
  name: 'flexible-words',
  about: 'layout corpus, never attached',
  events: {
    trace: event('a stack', {
      depth: u32('frames'),
      pcs: flexible(address(), { lengthField: 'depth', maxLength: 62 }, 'program counters'),
    }),
    wide: event('counted by 64 bits', {
      n: u64('count'),
      values: flexible(u64(), { lengthField: 'n', maxLength: 9 }, 'values'),
    }),
  },
  attach: [
    point('never', { about: 'nothing', oneOf: [rawTracepoint('sys_enter', { program: 'never' })] }),
  ],
});
