/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * Why a thread leaves its CPU, from the arguments of the tracepoint sched_switch, which runs while
 * the leaving thread still is the current one. What a reader would get wrong: its state alone does
 * not tell. A thread that is preempted on its way to sleep has the state of a sleeper and is still
 * runnable; and before Linux 5.18, whose tracepoint brings the state that was decided upon, another
 * CPU may have begun to wake the thread, so that its reason is not known any more.
 */
#ifndef SONDE_SCHED_BPF_H
#define SONDE_SCHED_BPF_H

/* include/linux/sched.h: bits of a task's state. */
#define SONDE_TASK_INTERRUPTIBLE 0x1
#define SONDE_TASK_UNINTERRUPTIBLE 0x2
#define SONDE_TASK_STOPPED 0x4
#define SONDE_TASK_TRACED 0x8
#define SONDE_TASK_DEAD 0x80

/* The state of a task, for kernels whose tracepoint does not bring it. */
static __always_inline __u32 sonde_task_state(struct task_struct *task)
{
	struct task_struct___state *older = (void *)task;

	if (bpf_core_field_exists(task->__state))
		return BPF_CORE_READ(task, __state);
	return BPF_CORE_READ(older, state);
}

/* Why the current thread leaves its CPU: `preempt` and its state are those of sched_switch. */
static __always_inline enum sonde_switch_reason sonde_switch_reason(bool preempt, __u32 state)
{
	if (state & SONDE_TASK_DEAD)
		return SONDE_SWITCH_DEAD;
	if (preempt || !state)
		return SONDE_SWITCH_PREEMPTED;
	if (state & SONDE_TASK_INTERRUPTIBLE)
		return SONDE_SWITCH_SLEEP;
	if (state & SONDE_TASK_UNINTERRUPTIBLE)
		return SONDE_SWITCH_DISK;
	if (state & (SONDE_TASK_STOPPED | SONDE_TASK_TRACED))
		return SONDE_SWITCH_STOPPED;
	return SONDE_SWITCH_UNKNOWN;
}

/*
 * The programs of a schema's contextSwitch(). Both call `handler(ctx, reason, next)` on the CPU of
 * the thread that leaves it, which is the current one, with the reason for which it does and the
 * kernel's id of the thread that runs from now on.
 */
#define SONDE_SWITCH_PROGRAMS(handler)                                                             \
	SEC("tp_btf/sched_switch")                                                                 \
	int BPF_PROG(switch_btf, bool preempt, struct task_struct *prev, struct task_struct *next, \
		     __u32 state)                                                                  \
	{                                                                                          \
		handler(ctx, sonde_switch_reason(preempt, state), next->pid);                      \
		return 0;                                                                          \
	}                                                                                          \
	SEC("raw_tp/sched_switch")                                                                 \
	int BPF_PROG(switch_raw, bool preempt, struct task_struct *prev, struct task_struct *next) \
	{                                                                                          \
		__u32 state = sonde_task_state(prev);                                              \
                                                                                                   \
		handler(ctx, sonde_switch_reason(preempt, state), BPF_CORE_READ(next, pid));       \
		return 0;                                                                          \
	}

#endif
