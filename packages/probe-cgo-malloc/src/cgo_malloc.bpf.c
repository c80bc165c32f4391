// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
/*
 * cgo-malloc: entries and returns of the C library's allocators, and the entry of free.
 *
 * One program serves all entries and one all returns; the site tells which function it is. What a
 * reader would get wrong: allocators call each other (glibc's realloc jumps to malloc, reallocarray
 * to realloc), so per thread only the outermost call counts. It is known by its stack pointer: at
 * the return it is where it was at the entry. A jump keeps the stack pointer, so that an equal one
 * means "inside" for a function that may forward, and "the return was lost" for any other.
 */
#include "gen/cgo-malloc.bpf.h"
#include "cgo_malloc_books.bpf.h"

/* Index of the attach point of free: after an entry and a return of each allocator. */
#define FREE_POINT (2 * CGO_MALLOC_ALLOCATOR_FREE)

/* Allocators that call allocators stay this close; a longer or older call has lost its return. */
#define NESTED_BYTES 16384
#define NESTED_NS 1000000000ULL

/* What `ret` takes off the stack: x86_64 keeps the return address there, arm64 does not. */
#if defined(__TARGET_ARCH_x86)
#define RETURN_BYTES 8
#else
#define RETURN_BYTES 0
#endif

/* glibc's malloc/malloc.c: flags in the low bits of a chunk's size, and IS_MMAPPED among them. */
#define CHUNK_FLAGS 7ULL
#define CHUNK_MMAPPED 2ULL

static __always_inline bool aggregating(void)
{
	return config.mode == 1;
}

/* No user address space is larger, so that no request for more can succeed. */
#define ADDRESS_SPACE_BYTES (1ULL << 56)

/* `count` × `size`; all ones when no allocator could satisfy it. */
static __always_inline __u64 product(__u64 count, __u64 size)
{
	if (count && size > ADDRESS_SPACE_BYTES / count)
		return ~0ULL;
	return count * size;
}

/* What the C library set aside for an allocation; the request when that cannot be read. */
static __always_inline __u64 usable_bytes(__u64 address, __u64 size)
{
	__u64 chunk, usable;

	if (!config.glibc_chunks)
		return size;
	chunk = sonde_user_word(address - sizeof(__u64));
	usable = (chunk & ~CHUNK_FLAGS) - (chunk & CHUNK_MMAPPED ? 16 : 8);
	/* Another allocator keeps something else there. */
	if (usable < size || usable - size > size + 65536)
		return size;
	return usable;
}

/* Gives up a call whose return never came. */
static __always_inline void forget_call(struct cgo_malloc_call *call)
{
	call->active = false;
	sonde_loss(SONDE_LOSS_UNPAIRED);
	if (call->old_known)
		count_free(&call->old);
}

/* Whether `inner`, now at stack pointer `sp`, runs on behalf of the call. */
static __always_inline bool runs_inside(const struct cgo_malloc_call *call, __u32 inner, __u64 sp)
{
	if (!call->active || sp > call->stack_pointer)
		return false;
	if (call->stack_pointer - sp > NESTED_BYTES)
		return false;
	if (bpf_ktime_get_ns() - call->entered_ns > NESTED_NS)
		return false;
	if (sp < call->stack_pointer)
		return true;
	return inner != call->allocator && call->allocator != CGO_MALLOC_ALLOCATOR_MALLOC;
}

/* The thread's entry in `calls`, made if it does not exist. */
static __always_inline struct cgo_malloc_call *call_of_thread(__u32 thread)
{
	struct cgo_malloc_call *call = bpf_map_lookup_elem(&calls, &thread);
	__u32 zero = 0;

	if (call)
		return call;
	call = bpf_map_lookup_elem(&blank, &zero);
	if (!call)
		return NULL;
	bpf_map_update_elem(&calls, &thread, call, BPF_NOEXIST);
	return bpf_map_lookup_elem(&calls, &thread);
}

/* Fills in what the arguments say: requested size, the old address, where the result goes. */
static __always_inline void read_arguments(struct pt_regs *ctx, struct cgo_malloc_call *call)
{
	__u64 first = sonde_c_arg(ctx, 0), second = sonde_c_arg(ctx, 1);

	call->old_address = 0;
	call->result_address = 0;
	switch (call->allocator) {
	case CGO_MALLOC_ALLOCATOR_CALLOC:
		call->size_bytes = product(first, second);
		break;
	case CGO_MALLOC_ALLOCATOR_REALLOC:
		call->old_address = first;
		call->size_bytes = second;
		break;
	case CGO_MALLOC_ALLOCATOR_REALLOCARRAY:
		call->old_address = first;
		call->size_bytes = product(second, sonde_c_arg(ctx, 2));
		break;
	case CGO_MALLOC_ALLOCATOR_POSIX_MEMALIGN:
		call->result_address = first;
		call->size_bytes = sonde_c_arg(ctx, 2);
		break;
	case CGO_MALLOC_ALLOCATOR_ALIGNED_ALLOC:
	case CGO_MALLOC_ALLOCATOR_MEMALIGN:
		call->size_bytes = second;
		break;
	default:
		call->size_bytes = first;
	}
}

SEC("uprobe")
int alloc_enter(struct pt_regs *ctx)
{
	struct cgo_malloc_call *call;
	struct cgo_malloc_totals *total;
	struct sonde_regs regs;
	__u32 site, point;

	if (!sonde_is_target_at(ctx))
		return 0;
	site = sonde_site(ctx);
	sonde_hit(site);
	point = sonde_point_of(site);
	if (point >= FREE_POINT) {
		sonde_loss(SONDE_LOSS_PROBE_MISSED);
		return 0;
	}
	call = call_of_thread((__u32)bpf_get_current_pid_tgid());
	if (!call) {
		sonde_loss(SONDE_LOSS_MAP_FULL);
		return 0;
	}
	sonde_regs_of(ctx, &regs);
	if (runs_inside(call, point >> 1, regs.sp)) {
		total = the_totals();
		if (total)
			ADD(total->nested, 1);
		return 0;
	}
	if (call->active)
		forget_call(call);
	call->allocator = point >> 1;
	call->stack_pointer = regs.sp;
	call->entered_ns = bpf_ktime_get_ns();
	read_arguments(ctx, call);
	call->stack = cgo_malloc_stack_and_goid(ctx, &call->goid);
	/* Between here and the return another thread may get the old address. */
	call->old_known = false;
	if (aggregating() && call->old_address)
		call->old_known = take_live(call->old_address, &call->old);
	call->active = true;
	return 0;
}

/* What the allocator gave: an address, or 0. */
static __always_inline __u64 result_of(struct pt_regs *ctx, const struct cgo_malloc_call *call)
{
	__u64 result = sonde_c_result(ctx);

	if (call->allocator != CGO_MALLOC_ALLOCATOR_POSIX_MEMALIGN)
		return result;
	return (__u32)result ? 0 : sonde_user_word(call->result_address);
}

/* The call gave no memory: realloc(p, 0) has freed p, anything else has failed. */
static __always_inline void end_without_memory(const struct cgo_malloc_call *call)
{
	struct cgo_malloc_totals *total = the_totals();
	struct cgo_malloc_free *event;

	if (!call->old_address || call->size_bytes) {
		if (total)
			ADD(total->failed, 1);
		/* A failed realloc leaves the old allocation as it was. */
		if (call->old_known)
			put_live(call->old_address, &call->old);
		return;
	}
	if (aggregating()) {
		if (call->old_known)
			count_free(&call->old);
		else if (total)
			ADD(total->freed_before_attach, 1);
		return;
	}
	event = cgo_malloc_free_reserve();
	if (!event)
		return;
	event->address = call->old_address;
	event->tid = sonde_tid();
	event->allocator = call->allocator;
	cgo_malloc_free_submit(event);
}

/* The call gave memory, and mode is aggregate. */
static __always_inline void count_call(const struct cgo_malloc_call *call, __u64 address,
				       __u64 usable)
{
	struct cgo_malloc_totals *total = the_totals();
	struct cgo_malloc_live allocation = {
		.size_bytes = call->size_bytes,
		.usable_bytes = usable,
		.stack = call->stack,
		.allocated_ns = bpf_ktime_get_ns(),
		.goid = call->goid,
		.tid = sonde_tid(),
		.allocator = call->allocator,
	};

	if (call->old_known)
		count_free(&call->old);
	if (call->old_address && total) {
		ADD(total->reallocs, 1);
		if (!call->old_known)
			ADD(total->freed_before_attach, 1);
	}
	/* What `live` cannot hold is a loss and not an allocation: its free would be unknown. */
	if (put_live(address, &allocation))
		count_alloc(&allocation);
}

static __always_inline void send_realloc(const struct cgo_malloc_call *call, __u64 address,
					 __u64 usable)
{
	struct cgo_malloc_realloc *event = cgo_malloc_realloc_reserve(call->stack);

	if (!event)
		return;
	event->old_address = call->old_address;
	event->address = address;
	event->size_bytes = call->size_bytes;
	event->usable_bytes = usable;
	event->goid = call->goid;
	event->entered_ns = call->entered_ns;
	event->allocator = call->allocator;
	cgo_malloc_realloc_submit(event);
}

static __always_inline void send_alloc(const struct cgo_malloc_call *call, __u64 address,
				       __u64 usable)
{
	struct cgo_malloc_alloc *event = cgo_malloc_alloc_reserve(call->stack);

	if (!event)
		return;
	event->address = address;
	event->size_bytes = call->size_bytes;
	event->usable_bytes = usable;
	event->goid = call->goid;
	event->allocator = call->allocator;
	cgo_malloc_alloc_submit(event);
}

SEC("uretprobe")
int alloc_return(struct pt_regs *ctx)
{
	__u32 thread = (__u32)bpf_get_current_pid_tgid();
	struct cgo_malloc_call *call;
	struct sonde_regs regs;
	__u64 address, usable;

	if (!sonde_is_target_at(ctx))
		return 0;
	call = bpf_map_lookup_elem(&calls, &thread);
	sonde_hit(sonde_return_site(ctx, call ? 2 * call->allocator + 1 : SONDE_SITES));
	sonde_regs_of(ctx, &regs);
	/* Returns of inner calls, and of calls that began before the attach. */
	if (!call || !call->active || regs.sp != call->stack_pointer + RETURN_BYTES)
		return 0;
	call->active = false;
	address = result_of(ctx, call);
	if (!address) {
		end_without_memory(call);
		return 0;
	}
	usable = usable_bytes(address, call->size_bytes);
	if (aggregating())
		count_call(call, address, usable);
	else if (call->old_address)
		send_realloc(call, address, usable);
	else
		send_alloc(call, address, usable);
	return 0;
}

SEC("uprobe")
int free_enter(struct pt_regs *ctx)
{
	__u32 thread = (__u32)bpf_get_current_pid_tgid();
	__u64 address = sonde_c_arg(ctx, 0);
	struct cgo_malloc_live allocation;
	struct cgo_malloc_totals *total;
	struct cgo_malloc_call *call;
	struct cgo_malloc_free *event;
	struct sonde_regs regs;

	if (!sonde_is_target_at(ctx))
		return 0;
	sonde_hit(sonde_site(ctx));
	if (!address)
		return 0;
	sonde_regs_of(ctx, &regs);
	call = bpf_map_lookup_elem(&calls, &thread);
	if (call && call->active) {
		if (runs_inside(call, CGO_MALLOC_ALLOCATOR_FREE, regs.sp))
			return 0;
		forget_call(call);
	}
	if (!aggregating()) {
		event = cgo_malloc_free_reserve();
		if (!event)
			return 0;
		event->address = address;
		event->tid = sonde_tid();
		event->allocator = CGO_MALLOC_ALLOCATOR_FREE;
		cgo_malloc_free_submit(event);
		return 0;
	}
	if (take_live(address, &allocation)) {
		count_free(&allocation);
		return 0;
	}
	total = the_totals();
	if (total)
		ADD(total->freed_before_attach, 1);
	return 0;
}
