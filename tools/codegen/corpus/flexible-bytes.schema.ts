/** Layout corpus: a flexible array of bytes: padding must not overlap it. */
import {
  bytes,
  defineProbe,
  event,
  flexible,
  point,
  rawTracepoint,
  str,
  u16,
  u8,
} from '@sonde/core/schema';

export default defineProbe({
  name: 'flexible-bytes',
  about: 'layout corpus, never attached',
  events: {
    blob: event('bytes behind one', {
      n: u8('count'),
      data: flexible(u8(), { lengthField: 'n', maxLength: 255 }, 'bytes'),
    }),
    names: event('texts', {
      n: u16('count'),
      lead: u8('byte'),
      names: flexible(str(6), { lengthField: 'n', maxLength: 10 }, 'texts'),
    }),
    chunks: event('byte arrays', {
      n: u16('count'),
      chunks: flexible(bytes(3), { lengthField: 'n', maxLength: 10 }, 'chunks'),
    }),
  },
  attach: [
    point('never', { about: 'nothing', oneOf: [rawTracepoint('sys_enter', { program: 'never' })] }),
  ],
});
