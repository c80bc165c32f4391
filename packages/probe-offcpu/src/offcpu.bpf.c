// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
/*
 * offcpu: how long threads of the target were off their CPU, from sched_switch. What a reader would
 * get wrong: the thread that runs again is not the current one yet, so whether it is the target's
 * was decided when it left; and the scheduler's lock is held throughout.
 */
#define SONDE_HOLDS_LOCK 1
#include "gen/offcpu.bpf.h"

static __always_inline void switched(void *ctx, enum sonde_switch_reason reason, __u32 next)
{
	struct offcpu_block *block = bpf_map_lookup_elem(&open, &next), left = { .reason = reason };
	__u32 thread = (__u32)bpf_get_current_pid_tgid();

	if (block) {
		block->ns = bpf_ktime_get_ns() - block->since_ns;
		if (block->ns >= config.min_ns && config.mode == 0)
			sonde_send(block, OFFCPU_EVENT_BLOCK, sizeof(*block));
		else if (block->ns >= config.min_ns)
			SONDE_ADD_DURATION(by_stack, &block->stack, block->ns);
		bpf_map_delete_elem(&open, &next);
	}
	if (!sonde_is_target())
		return;
	sonde_hit_point(0);
	if (reason == SONDE_SWITCH_DEAD || (reason == SONDE_SWITCH_PREEMPTED && !config.preempted))
		return;
	left.since_ns = bpf_ktime_get_ns();
	left.tid = sonde_tid();
	left.stack = offcpu_stack(ctx);
	SONDE_PUT(open, &thread, &left);
}

SONDE_SWITCH_PROGRAMS(switched)
