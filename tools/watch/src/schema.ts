/**
 * The schema behind the corpus of refused programs: a record, a table and a parameter, so that a
 * refusal can be about a field of each. What a reader would get wrong: nothing ever attaches this
 * probe; every program of `src/rejected` is wrong on purpose and is loaded alone.
 */
import {
  address,
  array,
  bytesCount,
  count,
  defineProbe,
  event,
  hash,
  param,
  point,
  rawTracepoint,
  struct,
  tid,
  u32,
  u64,
} from '@sonde/core/schema';

export default defineProbe({
  name: 'rejected',
  about: 'Programs that the verifier refuses, each for one reason',
  modes: ['stream'],
  types: {
    life: struct('What is known of one address.', {
      bytes: bytesCount('how much'),
      births: count('how often'),
      slots: array(u64(), 8, 'eight counters'),
    }),
  },
  events: {
    call: event('Something happened.', {
      place: address('where it happened'),
      bytes: bytesCount('how much'),
      tid: tid('who did it'),
      slot: u32('an index'),
      samples: array(u64(), 8, 'eight samples'),
    }),
  },
  maps: {
    lives: hash({ about: 'address → life', key: address(), value: 'life', maxEntries: 64 }),
  },
  params: {
    limit: param(u32('a number set before load'), { default: 7 }),
  },
  attach: [
    point('enter', {
      about: 'the entry of any system call',
      oneOf: [rawTracepoint('sys_enter', { name: 'raw-tracepoint', program: 'accepted' })],
    }),
  ],
});
