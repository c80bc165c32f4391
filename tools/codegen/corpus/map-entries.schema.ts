/** Layout corpus: keys and values of maps: scalars, arrays, structs with padding. */
import {
  address,
  array,
  arrayMap,
  bytes,
  defineProbe,
  event,
  hash,
  lruHash,
  lruPercpuHash,
  named,
  param,
  percpuArray,
  percpuHash,
  point,
  rawTracepoint,
  ringbuf,
  s32,
  stackTrace,
  struct,
  u16,
  u32,
  u64,
  u8,
} from '@sonde/core/schema';

export default defineProbe({
  name: 'map-entries',
  about: 'layout corpus, never attached',
  types: {
    key: struct('a key with padding inside and behind', {
      kind: u8('kind'),
      where: address('address'),
      cpu: u16('cpu'),
    }),
    value: struct('a value', { n: u64('number'), last: u8('byte'), low: s32('signed') }),
  },
  events: {
    sample: event('both in a record', { key: named('key', 'key'), value: named('value', 'value') }),
  },
  maps: {
    byKey: hash({
      about: 'struct to struct',
      key: 'key',
      value: 'value',
      maxEntries: param('entries'),
    }),
    byAddress: lruHash({ about: 'word to event', key: address(), value: 'sample', maxEntries: 16 }),
    perCpu: percpuHash({
      about: 'word to array',
      key: u32(),
      value: array(u64(), 4),
      maxEntries: 16,
    }),
    recent: lruPercpuHash({ about: 'bytes to byte', key: bytes(6), value: u8(), maxEntries: 16 }),
    slots: arrayMap({ about: 'structs by index', value: 'value', maxEntries: 4 }),
    counters: percpuArray({ about: 'words by index', value: u64(), maxEntries: 4 }),
    stacks: stackTrace({ about: 'stacks', maxEntries: 16, depth: 20 }),
    own: ringbuf({ about: 'a ring', maxEntries: 4096 }),
  },
  params: {
    entries: param(u32('entries of byKey'), { default: 32 }),
    offset: param(s32('a signed parameter'), { default: -5 }),
  },
  attach: [
    point('never', { about: 'nothing', oneOf: [rawTracepoint('sys_enter', { program: 'never' })] }),
  ],
});
