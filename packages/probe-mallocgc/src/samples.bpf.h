/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * Births and deaths of the objects that the runtime's own profile samples, part of mallocgc.bpf.c.
 * What a reader would get wrong: nothing is sampled here. The runtime takes one object per
 * MemProfileRate bytes and remembers it until it dies, so both ends are exact for those objects.
 */
#ifndef SONDE_SAMPLES_BPF_H
#define SONDE_SAMPLES_BPF_H

static __always_inline void count_sample(__u64 address, const struct mallocgc_live *object)
{
	struct mallocgc_stack_totals *stack, fresh = { .first_ns = object->allocated_ns };
	struct mallocgc_totals *total = the_totals();
	__u64 id = object->stack;

	if (bpf_map_update_elem(&sample_live, &address, object, BPF_ANY)) {
		sonde_loss(SONDE_LOSS_MAP_FULL);
		return;
	}
	bpf_map_update_elem(&sample_by_stack, &id, &fresh, BPF_NOEXIST);
	stack = bpf_map_lookup_elem(&sample_by_stack, &id);
	if (stack) {
		ADD(stack->allocs, 1);
		ADD(stack->alloc_bytes, object->size_bytes);
		stack->last_ns = object->allocated_ns;
	} else {
		sonde_loss(SONDE_LOSS_MAP_FULL);
	}
	if (total)
		ADD(total->samples, 1);
}

/* At the entry of mProf_Malloc([m,] object, size): once per MemProfileRate bytes. */
SEC("uprobe")
int sample_made(struct pt_regs *ctx)
{
	struct mallocgc_sample *event;
	__u64 address, size;

	if (!sonde_is_target_at(ctx))
		return 0;
	sonde_hit(sonde_site(ctx));
	if (SONDE_TARGET->sample_object_arg) {
		address = sonde_go_arg(ctx, 1);
		size = sonde_go_arg(ctx, 2);
	} else {
		address = sonde_go_arg(ctx, 0);
		size = sonde_go_arg(ctx, 1);
	}
	if (aggregating()) {
		struct mallocgc_live object = {
			.size_bytes = size,
			.stack = mallocgc_stack(ctx),
			.allocated_ns = bpf_ktime_get_ns(),
			.goid = sonde_goid(ctx),
			.tid = sonde_tid(),
		};

		count_sample(address, &object);
		return 0;
	}
	event = mallocgc_sample_reserve(mallocgc_stack(ctx));
	if (!event)
		return 0;
	event->address = address;
	event->size_bytes = size;
	event->goid = sonde_goid(ctx);
	mallocgc_sample_submit(event);
	return 0;
}

static __always_inline void count_sample_freed(__u64 address)
{
	struct mallocgc_live *object = bpf_map_lookup_elem(&sample_live, &address);
	struct mallocgc_totals *total = the_totals();
	struct mallocgc_stack_totals *stack;
	__u64 id;

	/* Sampled before the attach: nothing is known of it. */
	if (!object)
		return;
	id = object->stack;
	stack = bpf_map_lookup_elem(&sample_by_stack, &id);
	if (stack) {
		ADD(stack->frees, 1);
		ADD(stack->free_bytes, object->size_bytes);
	}
	if (total)
		ADD(total->sample_frees, 1);
	bpf_map_delete_elem(&sample_live, &address);
}

/* At the entry of freeSpecial(special, object, size): also finalizers and others end there. */
SEC("uprobe")
int sample_freed(struct pt_regs *ctx)
{
	struct mallocgc_sample_free *event;
	__u64 special = sonde_go_arg(ctx, 0);
	__u8 kind = 0;

	if (!sonde_is_target_at(ctx))
		return 0;
	sonde_hit(sonde_site(ctx));
	if (bpf_probe_read_user(&kind, sizeof(kind), (void *)(special + SONDE_TARGET->special_kind))) {
		sonde_loss(SONDE_LOSS_READ_FAILED);
		return 0;
	}
	if (kind != SONDE_TARGET->special_kind_profile)
		return 0;
	if (aggregating()) {
		count_sample_freed(sonde_go_arg(ctx, 1));
		return 0;
	}
	event = mallocgc_sample_free_reserve();
	if (!event)
		return 0;
	event->address = sonde_go_arg(ctx, 1);
	event->size_bytes = sonde_go_arg(ctx, 2);
	event->tid = sonde_tid();
	mallocgc_sample_free_submit(event);
	return 0;
}

#endif
