/**
 * What the probe of blocked time declares. What a reader would get wrong: it is about threads. A
 * goroutine that waits for another does not block its thread, which then runs the scheduler.
 */
import * as s from '@sonde/core/schema';

export default s.defineProbe({
  name: 'offcpu',
  about: 'Time in which threads of a process were blocked, by the stack that blocked them',
  modes: ['stream', 'aggregate'],
  verifierBudget: { instructions: 250_000, states: 6_000 },
  types: { reason: s.switchReason, waits: s.durations('Waits of one stack, on one CPU.') },
  events: {
    block: s.event('A thread runs again after it was blocked.', {
      ns: s.durationNs('how long it was off the CPU'),
      stack: s.wholeStack('the stack that blocked; it begins behind the system call'),
      sinceNs: s.ktimeNs('when it left the CPU'),
      tid: s.tid('thread that was blocked'),
      reason: s.named('reason', 'why it left the CPU'),
    }),
  },
  maps: {
    open: s.hash({ about: 'thread → its wait', key: s.u32(), value: 'block', maxEntries: 32768 }),
    byStack: s.percpuHash({
      about: 'waits by stack',
      key: s.wholeStack(),
      value: 'waits',
      maxEntries: 8192,
    }),
  },
  params: {
    minNs: s.param(s.durationNs('shorter waits are left out'), { default: 0 }),
    preempted: s.param(s.bool('count waits of runnable threads for a CPU too'), { default: 0 }),
  },
  attach: [
    s.contextSwitch({
      limits: 'a wait includes the time from its wake-up to its next instruction',
    }),
  ],
});
