/** Layout corpus: signs mixed in one unit, units left open, and bytes right behind them. */
import {
  bits,
  defineProbe,
  event,
  named,
  point,
  rawTracepoint,
  struct,
  u16,
  u8,
} from '@sonde/core/schema';

export default defineProbe({
  name: 'bits-mixed',
  about: 'layout corpus, never attached',
  types: {
    flags: struct('bit-fields of a nested struct', {
      kind: bits('u8', 3, 'kind'),
      level: bits('s8', 4, 'level'),
      on: bits('u8', 1, 'on'),
      more: u8('byte'),
    }),
  },
  events: {
    mixed: event('signs mixed', {
      before: u8('byte'),
      plain: bits('u32', 9, 'unsigned'),
      negative: bits('s32', 9, 'signed'),
      after: u8('must not lie inside the unit'),
      flags: named('flags', 'nested'),
      half: bits('u16', 4, 'open'),
      last: u16('half'),
    }),
  },
  attach: [
    point('never', { about: 'nothing', oneOf: [rawTracepoint('sys_enter', { program: 'never' })] }),
  ],
});
