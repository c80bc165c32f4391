/**
 * What a probe that looks at the scheduler declares: the reasons for which a thread leaves its CPU,
 * and the two ways to see that. What a reader would get wrong: the programs have fixed names,
 * because `SONDE_SWITCH_PROGRAMS` of sonde_sched.bpf.h makes them.
 */
import { btfTracepoint, point, rawTracepoint } from './attach.js';
import { enumOf } from './definition.js';
import type { AttachPointIr } from './ir.js';

/** Why a thread left its CPU: in C `enum sonde_switch_reason`, printed from here. */
export const switchReason = enumOf('Why a thread left its CPU.', {
  unknown: 'another CPU was waking it already (before Linux 5.18)',
  sleep: 'it waits and a signal can end that: a lock, a timer, a socket, a pipe',
  disk: 'it waits and no signal ends that: a disk, a page, a child of vfork',
  stopped: 'it was stopped by a signal or a debugger',
  preempted: 'it was runnable, and another task was given the CPU',
  dead: 'it has ended',
});

/** A CPU goes from one thread to another; `limits` is what the probe makes of it cannot see. */
export function contextSwitch(options: { readonly limits: string }): AttachPointIr {
  const { limits } = options;
  return point('switch', {
    about: 'a CPU goes from one thread to another',
    oneOf: [
      btfTracepoint('sched_switch', { name: 'btf', program: 'switch_btf', limits }),
      rawTracepoint('sched_switch', { name: 'raw', program: 'switch_raw', limits }),
    ],
  });
}
