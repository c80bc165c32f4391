// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
/*
 * mmap: system calls that change the target's address space, at their end. What a reader would get
 * wrong: what a call returns is an address for mmap and mremap alone, and only where it succeeded.
 */
#include "gen/mmap.bpf.h"

static __always_inline void describe(struct mmap_change *change, const struct sonde_syscall *call)
{
	struct task_struct *task = (struct task_struct *)bpf_get_current_task();

	change->address = call->arg[0];
	change->bytes = call->arg[1];
	if (change->call == SONDE_MAPPING_MMAP) {
		change->address = change->error ? 0 : call->result;
		change->protection = call->arg[2] & SONDE_PROT_ALL;
	} else if (change->call == SONDE_MAPPING_MREMAP) {
		change->address = change->error ? 0 : call->result;
		change->bytes = call->arg[2];
		change->old_address = call->arg[0];
		change->old_bytes = call->arg[1];
	} else if (change->call == SONDE_MAPPING_BRK) {
		change->address = BPF_CORE_READ(task, mm, start_brk);
		change->bytes = call->result - change->address;
	}
}

SEC("raw_tp/sys_exit")
int call_exit(__u64 *ctx)
{
	struct mmap_change *change;
	struct sonde_syscall call;
	__u64 stack;
	int which;

	if (!sonde_is_target() || !sonde_syscall_at_exit(ctx, &call))
		return 0;
	which = sonde_mapping_call_of(&call);
	if (which < 0)
		return 0;
	sonde_hit_point(0);
	/* Before the record: what is read first is then the stack, and not the event that names it. */
	stack = sonde_stack_of_task(ctx);
	change = mmap_change_reserve();
	if (!change)
		return 0;
	change->call = which;
	change->error = sonde_mapping_error(which, &call);
	change->tid = sonde_tid();
	change->stack = stack;
	describe(change, &call);
	mmap_change_submit(change);
	return 0;
}
