/**
 * Two records of the sizes that probes send, for the comparison of readers. The fact that is easy
 * to get wrong: `native/produce.bpf.c` writes these bytes by hand, so a field added here must be
 * added there; the drain benchmark compares both sums and refuses to print a figure when they
 * differ.
 */
import {
  address,
  bytesCount,
  defineProbe,
  event,
  goid,
  rawTracepoint,
  point,
  stackId,
  tid,
  u32,
} from '@sonde/core/schema';

export default defineProbe({
  name: 'records',
  about: 'records that nothing attaches to: their reader is what is measured',
  modes: ['stream'],
  events: {
    small: event('32 bytes with its header.', {
      address: address('a number that grows'),
      size: u32('16 bits of a counter'),
      site: u32('8 bits of a counter'),
    }),
    wide: event('64 bytes with its header.', {
      address: address('a number that grows'),
      size: bytesCount('16 bits of a counter'),
      stack: stackId('8 bits of a counter'),
      caller: address('12 bits of a counter'),
      tid: tid('3 bits of a counter'),
      kind: u32('2 bits of a counter'),
      goid: goid('10 bits of a counter'),
    }),
  },
  maps: {},
  params: {},
  attach: [
    point('none', {
      about: 'never attached',
      need: 'optional',
      oneOf: [rawTracepoint('sys_enter', { program: 'none' })],
    }),
  ],
});
