/** Layout corpus: strings and bytes of odd lengths, which nothing aligns. */
import {
  array,
  bytes,
  comm,
  defineProbe,
  event,
  point,
  rawTracepoint,
  str,
  u16,
  u32,
} from '@sonde/core/schema';

export default defineProbe({
  name: 'texts',
  about: 'layout corpus, never attached',
  events: {
    texts: event('texts', {
      one: str(1, 'one byte'),
      name: comm(),
      odd: str(7, 'odd'),
      n: u16('half'),
      raw: bytes(5, 'raw'),
      single: bytes(1, 'one'),
      list: array(bytes(3), 2, 'bytes'),
      end: u32('word'),
    }),
  },
  attach: [
    point('never', { about: 'nothing', oneOf: [rawTracepoint('sys_enter', { program: 'never' })] }),
  ],
});
