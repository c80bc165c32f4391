// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
/*
 * mallocgc: birth and death of Go objects that have a span of their own.
 *
 * Births are taken where the span is complete and still in a register: best at the CALL of
 * (*mspan).initHeapBits at the end of allocLarge, which the kernel emulates, while it has to
 * single-step a RET. What a reader would get wrong: a result is never read by a uretprobe. It
 * replaces the return address, and the Go runtime, which moves and walks its stacks, ends the
 * process when it finds that.
 */
#include "gen/mallocgc.bpf.h"

/* internal/runtime/gc: PageSize of the Go heap, whatever the machine's. */
#define GO_PAGE_BYTES 8192ULL

/* The fields of runtime.mspan that the probe needs. */
struct span {
	__u64 address;
	__u64 bytes;
	__u8 spanclass;
};

#define ADD(counter, value) __sync_fetch_and_add(&(counter), (value))

static __always_inline bool aggregating(void)
{
	return config.mode == 1;
}

static __always_inline struct mallocgc_totals *the_totals(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&totals, &zero);
}

/* runtime/mheap.go, spanClass: size class in the upper bits, 0 for a span of one large object. */
static __always_inline bool is_large(const struct span *span)
{
	return span->spanclass >> 1 == 0;
}

/*
 * From startAddr to the word of spanclass: 80 or 88 bytes, all written by the time a span is in
 * use. What lies behind may be on a page that nothing has touched; then the whole read fails.
 */
#define SPAN_BYTES 88

static __always_inline bool read_span(__u64 mspan, struct span *span)
{
	__u32 pages_at = SONDE_TARGET->mspan_npages - SONDE_TARGET->mspan_start_addr;
	__u32 class_at = SONDE_TARGET->mspan_spanclass - SONDE_TARGET->mspan_start_addr;
	char fields[SPAN_BYTES] __attribute__((aligned(8)));

	/* The tables of every known release fit; the verifier wants to hear it. */
	if (pages_at > SPAN_BYTES - sizeof(__u64) || class_at >= SPAN_BYTES)
		return false;
	if (bpf_probe_read_user(fields, sizeof(fields),
				(void *)(mspan + SONDE_TARGET->mspan_start_addr))) {
		sonde_loss(SONDE_LOSS_READ_FAILED);
		return false;
	}
	span->address = *(const __u64 *)fields;
	span->bytes = *(const __u64 *)(fields + pages_at) * GO_PAGE_BYTES;
	span->spanclass = *(const __u8 *)(fields + class_at);
	return true;
}

/* The counters of a stack, made if they do not exist; NULL when the map is full. */
static __always_inline struct mallocgc_stack_totals *totals_of_stack(__u64 id, __u64 now)
{
	struct mallocgc_stack_totals *stack = bpf_map_lookup_elem(&by_stack, &id);
	struct mallocgc_stack_totals fresh = { .first_ns = now };

	if (stack)
		return stack;
	bpf_map_update_elem(&by_stack, &id, &fresh, BPF_NOEXIST);
	return bpf_map_lookup_elem(&by_stack, &id);
}

static __always_inline void count_free(const struct mallocgc_live *object)
{
	struct mallocgc_stack_totals *stack;
	struct mallocgc_totals *total = the_totals();
	__u64 id = object->stack;

	stack = bpf_map_lookup_elem(&by_stack, &id);
	if (stack) {
		ADD(stack->frees, 1);
		ADD(stack->free_bytes, object->size_bytes);
	}
	if (total) {
		ADD(total->frees, 1);
		ADD(total->free_bytes, object->size_bytes);
	}
}

/* Keeps an object until it dies; one that finds no room in `live` is a loss and not counted. */
static __always_inline void count_object(__u64 address, const struct mallocgc_live *object)
{
	struct mallocgc_totals *total = the_totals();
	struct mallocgc_stack_totals *stack;
	struct mallocgc_live *stale = bpf_map_lookup_elem(&live, &address);

	if (stale) {
		count_free(stale);
		sonde_loss(SONDE_LOSS_UNPAIRED);
	}
	if (bpf_map_update_elem(&live, &address, object, BPF_ANY)) {
		sonde_loss(SONDE_LOSS_MAP_FULL);
		return;
	}
	stack = totals_of_stack(object->stack, object->allocated_ns);
	if (stack) {
		ADD(stack->allocs, 1);
		ADD(stack->alloc_bytes, object->size_bytes);
		stack->last_ns = object->allocated_ns;
	} else {
		sonde_loss(SONDE_LOSS_MAP_FULL);
	}
	if (total) {
		ADD(total->allocs, 1);
		ADD(total->alloc_bytes, object->size_bytes);
	}
}

/* A large object was made; `stack` is its id in sonde_stacks. */
static __always_inline void object_made(struct pt_regs *ctx, const struct span *span, __u64 stack)
{
	struct mallocgc_large *event;

	if (aggregating()) {
		struct mallocgc_live object = {
			.size_bytes = span->bytes,
			.stack = stack,
			.allocated_ns = bpf_ktime_get_ns(),
			.goid = sonde_goid(ctx),
			.tid = sonde_tid(),
		};

		count_object(span->address, &object);
		return;
	}
	event = mallocgc_large_reserve(stack);
	if (!event)
		return;
	event->address = span->address;
	event->size_bytes = span->bytes;
	event->goid = sonde_goid(ctx);
	bpf_get_current_comm(&event->comm, sizeof(event->comm));
	event->pointer_free = span->spanclass & 1;
	mallocgc_large_submit(event);
}

/* At the CALL of initHeapBits inside allocLarge: its receiver is the new span. */
SEC("uprobe")
int large_call(struct pt_regs *ctx)
{
	struct span span = {};

	if (!sonde_is_target_at(ctx))
		return 0;
	sonde_hit(sonde_site(ctx));
	if (read_span(sonde_go_arg(ctx, 0), &span))
		object_made(ctx, &span, mallocgc_stack(ctx));
	return 0;
}

/* At a RET of allocLarge, whose result is the new span. */
SEC("uprobe")
int large_span_return(struct pt_regs *ctx)
{
	struct span span = {};

	if (!sonde_is_target_at(ctx))
		return 0;
	sonde_hit(sonde_site(ctx));
	if (read_span(sonde_go_result(ctx, 0, 3), &span))
		object_made(ctx, &span, mallocgc_stack(ctx));
	return 0;
}

/*
 * At a RET of largeAlloc(size, needzero, noscan), the way of Go 1.15: it runs on the system stack,
 * so the goroutine's stack is another one.
 */
SEC("uprobe")
int large_span_on_g0(struct pt_regs *ctx)
{
	struct span span = {};

	if (!sonde_is_target_at(ctx))
		return 0;
	sonde_hit(sonde_site(ctx));
	if (read_span(sonde_go_result(ctx, 0, 2), &span))
		object_made(ctx, &span, mallocgc_stack(ctx));
	return 0;
}

/* At a RET of mallocgcLarge, whose results are the object and the bytes of its span. */
SEC("uprobe")
int large_object_return(struct pt_regs *ctx)
{
	struct span span = {};

	if (!sonde_is_target_at(ctx))
		return 0;
	sonde_hit(sonde_site(ctx));
	span.address = sonde_go_result(ctx, 0, 3);
	span.bytes = sonde_go_result(ctx, 1, 4);
	object_made(ctx, &span, mallocgc_stack(ctx));
	return 0;
}

/* At a RET of (*mheap).alloc, whose result is a span of any kind, or nil. */
SEC("uprobe")
int any_span_return(struct pt_regs *ctx)
{
	__u64 mspan = sonde_go_result(ctx, 0, 3);
	struct span span = {};

	if (!sonde_is_target_at(ctx))
		return 0;
	sonde_hit(sonde_site(ctx));
	if (mspan && read_span(mspan, &span) && is_large(&span))
		object_made(ctx, &span, mallocgc_stack(ctx));
	return 0;
}

/* At the entry of freeSpanLocked(heap, span, type): any span goes back, stacks included. */
SEC("uprobe")
int span_freed(struct pt_regs *ctx)
{
	struct mallocgc_live *object;
	struct mallocgc_totals *total;
	struct mallocgc_free *event;
	struct span span = {};
	__u64 address;

	if (!sonde_is_target_at(ctx))
		return 0;
	sonde_hit(sonde_site(ctx));
	if (((__u32)sonde_go_arg(ctx, 2) & SONDE_TARGET->freed_span_type_mask) !=
	    SONDE_TARGET->freed_span_type_heap)
		return 0;
	if (!read_span(sonde_go_arg(ctx, 1), &span) || !is_large(&span))
		return 0;
	if (!aggregating()) {
		event = mallocgc_free_reserve();
		if (!event)
			return 0;
		event->address = span.address;
		event->size_bytes = span.bytes;
		event->tid = sonde_tid();
		mallocgc_free_submit(event);
		return 0;
	}
	address = span.address;
	object = bpf_map_lookup_elem(&live, &address);
	if (object) {
		count_free(object);
		bpf_map_delete_elem(&live, &address);
		return 0;
	}
	total = the_totals();
	if (total)
		ADD(total->freed_before_attach, 1);
	return 0;
}

/* Whether the window that begins with the first hit is still open. */
static __always_inline bool window_is_open(void)
{
	__u64 now = bpf_ktime_get_ns();
	__u32 zero = 0;
	__u64 *start;

	if (!config.window_ms)
		return false;
	start = bpf_map_lookup_elem(&window, &zero);
	if (!start)
		return false;
	if (!*start)
		*start = now;
	/* Another CPU may have begun the window after this clock was read. */
	return now < *start || now - *start < config.window_ms * 1000000ULL;
}

static __always_inline void count_every(__u64 id, __u64 size)
{
	struct mallocgc_every_totals *stack = bpf_map_lookup_elem(&every_by_stack, &id);
	struct mallocgc_totals *total = the_totals();
	struct mallocgc_every_totals fresh = {};

	if (!stack) {
		bpf_map_update_elem(&every_by_stack, &id, &fresh, BPF_NOEXIST);
		stack = bpf_map_lookup_elem(&every_by_stack, &id);
	}
	if (stack) {
		ADD(stack->allocs, 1);
		ADD(stack->alloc_bytes, size);
	} else {
		sonde_loss(SONDE_LOSS_MAP_FULL);
	}
	if (total)
		ADD(total->every, 1);
}

/* Allocations of 0 bytes share one address, and Go counts none of them. */
static __always_inline bool is_wanted(__u64 size)
{
	return size && window_is_open();
}

/* One allocation of `size` bytes inside the window. */
static __always_inline int every_hit(struct pt_regs *ctx, __u64 size, __u64 stack)
{
	struct mallocgc_every *event;

	if (aggregating()) {
		count_every(stack, size);
		return 0;
	}
	event = mallocgc_every_reserve(stack);
	if (!event)
		return 0;
	event->size_bytes = size;
	event->type = sonde_go_arg(ctx, 1);
	event->goid = sonde_goid(ctx);
	mallocgc_every_submit(event);
	return 0;
}

/* After the stack check of mallocgc(size, type, needzero): a restarted call is not seen twice. */
SEC("uprobe")
int every_alloc(struct pt_regs *ctx)
{
	__u64 size = sonde_go_arg(ctx, 0);

	if (!sonde_is_target_at(ctx))
		return 0;
	sonde_hit(sonde_site(ctx));
	return is_wanted(size) ? every_hit(ctx, size, mallocgc_stack(ctx)) : 0;
}

/* The part of `mallocgc-and-specialised` that is mallocgc itself. */
#define PART_MALLOCGC 0

/*
 * The same where mallocgc has swallowed its leaves but not the specialised functions, which it
 * calls for small sizes: those are counted there, whether they came this way or directly.
 */
SEC("uprobe")
int every_alloc_folded(struct pt_regs *ctx)
{
	__u64 size = sonde_go_arg(ctx, 0);
	__u32 site;

	if (!sonde_is_target_at(ctx))
		return 0;
	site = sonde_site(ctx);
	sonde_hit(site);
	if (sonde_part_of(site) == PART_MALLOCGC && size <= SONDE_TARGET->specialised_bytes)
		return 0;
	return is_wanted(size) ? every_hit(ctx, size, mallocgc_stack(ctx)) : 0;
}

#include "samples.bpf.h"
#include "cycles.bpf.h"
