/** Layout corpus: every type with a unit. */
import {
  address,
  bits,
  bytesCount,
  count,
  defineProbe,
  durationNs,
  errno,
  event,
  goid,
  ktimeNs,
  pid,
  point,
  pointer,
  rawTracepoint,
  siteId,
  stackId,
  tid,
  u8,
} from '@sonde/core/schema';

export default defineProbe({
  name: 'units',
  about: 'layout corpus, never attached',
  events: {
    units: event('all of them', {
      address: address('address'),
      pointer: pointer('pointer'),
      where: ktimeNs('time'),
      took: durationNs('span'),
      size: bytesCount('size'),
      n: count('number'),
      pid: pid('process'),
      goid: goid('goroutine'),
      tid: tid('thread'),
      stack: stackId('stack'),
      site: siteId('site'),
      error: errno('error'),
      kib: bits('u32', 20, 'size in bits', { unit: 'bytes' }),
      small: u8('bytes in a byte', { unit: 'bytes' }),
    }),
  },
  attach: [
    point('never', { about: 'nothing', oneOf: [rawTracepoint('sys_enter', { program: 'never' })] }),
  ],
});
