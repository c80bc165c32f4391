/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * The books of mode `aggregate`: live allocations, counters per stack and per size, totals. What a
 * reader would get wrong: an allocation that `live` cannot hold is not counted as one either. Its
 * free would be taken for that of an older allocation, and its stack would seem to leak for ever.
 */
#ifndef CGO_MALLOC_BOOKS_BPF_H
#define CGO_MALLOC_BOOKS_BPF_H

/* 0 for 0, else 1 + the position of the highest bit; without branches, which cost the verifier. */
static __always_inline __u32 class_of(__u64 size)
{
	size |= size >> 1;
	size |= size >> 2;
	size |= size >> 4;
	size |= size >> 8;
	size |= size >> 16;
	size |= size >> 32;
	size -= (size >> 1) & 0x5555555555555555ULL;
	size = (size & 0x3333333333333333ULL) + ((size >> 2) & 0x3333333333333333ULL);
	size = (size + (size >> 4)) & 0x0F0F0F0F0F0F0F0FULL;
	return (size * 0x0101010101010101ULL) >> 56;
}

static __always_inline struct cgo_malloc_totals *the_totals(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&totals, &zero);
}

#define ADD(counter, value) __sync_fetch_and_add(&(counter), (value))

/* Counts a free of an allocation that the probe saw being made. */
static __always_inline void count_free(const struct cgo_malloc_live *allocation)
{
	struct cgo_malloc_stack_totals *stack;
	struct cgo_malloc_totals *total = the_totals();
	struct cgo_malloc_size_class *class;
	__u32 class_index = class_of(allocation->size_bytes);
	__u64 id = allocation->stack;

	stack = bpf_map_lookup_elem(&by_stack, &id);
	if (stack) {
		ADD(stack->frees, 1);
		ADD(stack->free_bytes, allocation->size_bytes);
		ADD(stack->free_usable_bytes, allocation->usable_bytes);
	}
	class = bpf_map_lookup_elem(&size_classes, &class_index);
	if (class) {
		ADD(class->frees, 1);
		ADD(class->free_bytes, allocation->size_bytes);
	}
	if (total) {
		ADD(total->frees, 1);
		ADD(total->free_bytes, allocation->size_bytes);
	}
}

/* The counters of a stack, made if they do not exist; NULL when the map is full. */
static __always_inline struct cgo_malloc_stack_totals *totals_of_stack(__u64 id, __u64 now)
{
	struct cgo_malloc_stack_totals *stack = bpf_map_lookup_elem(&by_stack, &id);
	struct cgo_malloc_stack_totals fresh = { .first_ns = now };

	if (stack)
		return stack;
	bpf_map_update_elem(&by_stack, &id, &fresh, BPF_NOEXIST);
	return bpf_map_lookup_elem(&by_stack, &id);
}

/* Counts an allocation. */
static __always_inline void count_alloc(const struct cgo_malloc_live *allocation)
{
	struct cgo_malloc_stack_totals *stack;
	struct cgo_malloc_totals *total = the_totals();
	struct cgo_malloc_size_class *class;
	__u32 class_index = class_of(allocation->size_bytes);

	stack = totals_of_stack(allocation->stack, allocation->allocated_ns);
	if (stack) {
		ADD(stack->allocs, 1);
		ADD(stack->alloc_bytes, allocation->size_bytes);
		ADD(stack->alloc_usable_bytes, allocation->usable_bytes);
		stack->last_ns = allocation->allocated_ns;
	} else {
		sonde_loss(SONDE_LOSS_MAP_FULL);
	}
	class = bpf_map_lookup_elem(&size_classes, &class_index);
	if (class) {
		ADD(class->allocs, 1);
		ADD(class->alloc_bytes, allocation->size_bytes);
	}
	if (total) {
		ADD(total->allocs, 1);
		ADD(total->alloc_bytes, allocation->size_bytes);
	}
}

/*
 * Takes an address out of `live`. The copy is complete before the entry goes, and no other thread
 * may touch the address: it belongs to the caller until the C library gets it back.
 */
static __always_inline bool take_live(__u64 address, struct cgo_malloc_live *taken)
{
	struct cgo_malloc_live *found = bpf_map_lookup_elem(&live, &address);

	if (!found)
		return false;
	*taken = *found;
	bpf_map_delete_elem(&live, &address);
	return true;
}

/* Puts an allocation into `live`; false when there is no room, which is counted as a loss. */
static __always_inline bool put_live(__u64 address, const struct cgo_malloc_live *allocation)
{
	struct cgo_malloc_live stale;
	/* Not a long: before Linux 6.4 the kernel's function gives an int, its sign not extended. */
	int error = bpf_map_update_elem(&live, &address, allocation, BPF_NOEXIST);

	if (error == -SONDE_EEXIST && take_live(address, &stale)) {
		/* It was freed where the probe could not see it. */
		count_free(&stale);
		sonde_loss(SONDE_LOSS_UNPAIRED);
		error = bpf_map_update_elem(&live, &address, allocation, BPF_NOEXIST);
	}
	if (error)
		sonde_loss(SONDE_LOSS_MAP_FULL);
	return !error;
}

#endif
