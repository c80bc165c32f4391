/** Layout corpus: a flexible array of structs behind an odd head. */
import {
  defineProbe,
  event,
  flexible,
  point,
  rawTracepoint,
  struct,
  u16,
  u32,
  u8,
} from '@sonde/core/schema';

export default defineProbe({
  name: 'flexible-structs',
  about: 'layout corpus, never attached',
  types: { item: struct('twelve bytes', { id: u32('id'), flag: u8('flag'), size: u32('size') }) },
  events: {
    items: event('structs', {
      lead: u8('byte'),
      n: u16('count'),
      items: flexible('item', { lengthField: 'n', maxLength: 20 }, 'items'),
    }),
  },
  attach: [
    point('never', { about: 'nothing', oneOf: [rawTracepoint('sys_enter', { program: 'never' })] }),
  ],
});
