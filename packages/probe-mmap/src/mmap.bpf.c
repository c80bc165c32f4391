// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
/*
 * mmap: system calls that change the target's address space, at their end. What a reader would get
 * wrong: what a call returns is an address for mmap and mremap alone, and only where it succeeded.
 */
#include "gen/mmap.bpf.h"

SEC("raw_tp/sys_exit")
int call_exit(__u64 *ctx)
{
	struct sonde_mapping mapping;
	struct mmap_change *change;

	if (!sonde_is_target() || !sonde_mapping_at_exit(ctx, &mapping))
		return 0;
	sonde_hit_point(0);
	change = mmap_change_reserve(mmap_stack(ctx));
	if (!change)
		return 0;
	change->address = mapping.address;
	change->bytes = mapping.bytes;
	change->old_address = mapping.old_address;
	change->old_bytes = mapping.old_bytes;
	change->error = mapping.error;
	change->call = mapping.call;
	change->protection = mapping.protection;
	mmap_change_submit(change);
	return 0;
}
