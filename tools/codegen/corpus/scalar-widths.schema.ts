/** Layout corpus: every integer width between bytes, so that each needs padding before it. */
import {
  bool,
  defineProbe,
  event,
  point,
  rawTracepoint,
  s16,
  s32,
  s64,
  s8,
  u16,
  u32,
  u64,
  u8,
} from '@sonde/core/schema';

export default defineProbe({
  name: 'scalar-widths',
  about: 'layout corpus, never attached',
  events: {
    positive: event('holes before unsigned fields', {
      a: u8('byte'),
      wide: u64('seven bytes of padding before'),
      b: u8('byte'),
      half: u16('one byte before'),
      c: u8('byte'),
      word: u32('three bytes before'),
      last: u8('leaves padding at the end'),
    }),
    negative: event('the same with signed fields', {
      a: s8('byte'),
      wide: s64('wide'),
      b: s8('byte'),
      half: s16('half'),
      c: s8('byte'),
      word: s32('word'),
      yes: bool('flag'),
    }),
    oneByte: event('a single byte after the header', { only: u8('byte') }),
  },
  attach: [
    point('never', { about: 'nothing', oneOf: [rawTracepoint('sys_enter', { program: 'never' })] }),
  ],
});
