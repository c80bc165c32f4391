/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * Cycles of the garbage collector and chunks of user arenas, part of mallocgc.bpf.c. What a reader
 * would get wrong: gcStart also runs for cycles that are refused, and gcMarkTermination may begin
 * twice; gcSweep runs once per cycle, on the system stack.
 */
#ifndef SONDE_CYCLES_BPF_H
#define SONDE_CYCLES_BPF_H

/* At the entry of gcSweep, on the system stack: once per cycle, before numgc counts it. */
SEC("uprobe")
int gc_swept(struct pt_regs *ctx)
{
	struct mallocgc_gc_cycle *event;
	__u32 done = 0;
	bool known;

	if (!sonde_is_target_at(ctx))
		return 0;
	sonde_hit(sonde_site(ctx));
	known = SONDE_TARGET->numgc &&
		!bpf_probe_read_user(&done, sizeof(done), (void *)SONDE_TARGET->numgc);
	event = mallocgc_gc_cycle_reserve();
	if (!event)
		return 0;
	event->cycle = known ? (__u64)done + 1 : 0;
	event->tid = sonde_tid();
	mallocgc_gc_cycle_submit(event);
	return 0;
}

/* At a RET of allocUserArenaChunk, whose result is the span of the chunk, or nil. */
SEC("uprobe")
int arena_made(struct pt_regs *ctx)
{
	__u64 mspan = sonde_go_result(ctx, 0, 1);
	struct mallocgc_arena *event;
	struct span span = {};

	if (!sonde_is_target_at(ctx))
		return 0;
	sonde_hit(sonde_site(ctx));
	if (!mspan || !read_span(mspan, &span))
		return 0;
	event = mallocgc_arena_reserve(mallocgc_stack(ctx));
	if (!event)
		return 0;
	event->address = span.address;
	event->size_bytes = span.bytes;
	event->goid = sonde_goid(ctx);
	mallocgc_arena_submit(event);
	return 0;
}

/* At the entry of setUserArenaChunkToFault(span). */
SEC("uprobe")
int arena_freed(struct pt_regs *ctx)
{
	struct mallocgc_arena_free *event;
	struct span span = {};

	if (!sonde_is_target_at(ctx))
		return 0;
	sonde_hit(sonde_site(ctx));
	if (!read_span(sonde_go_arg(ctx, 0), &span))
		return 0;
	event = mallocgc_arena_free_reserve();
	if (!event)
		return 0;
	event->address = span.address;
	event->size_bytes = span.bytes;
	event->tid = sonde_tid();
	mallocgc_arena_free_submit(event);
	return 0;
}

#endif
