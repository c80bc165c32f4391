/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * A stack that could not be walked, sent to user space: registers, and the copy that the walk read.
 * What a reader would get wrong: the record carries a provisional id, which events and maps keep in
 * the place of the stack's own; only user space can lead from one to the other.
 */
#ifndef SONDE_STACK_COPY_BPF_H
#define SONDE_STACK_COPY_BPF_H

/* No register: user space takes values above 2^53 for unknown. */
#define SONDE_NO_REGISTER (~0ULL)

/* What is known of the registers when only those of a frame are, by DWARF number. */
static __always_inline void sonde_frame_registers(__u64 *to, const struct sonde_regs *regs,
						  __u64 lr)
{
	int i;

#pragma unroll
	for (i = 0; i < 32; i++)
		to[i] = SONDE_NO_REGISTER;
#if defined(__TARGET_ARCH_x86)
	to[6] = regs->fp;
	to[7] = regs->sp;
	to[16] = regs->ip;
#else
	to[29] = regs->fp;
	to[30] = lr;
	to[31] = regs->sp;
#endif
}

/* The registers of user code by DWARF number, as `struct sonde_stack_copy` keeps them. */
static __always_inline void sonde_copy_registers(__u64 *to, const struct pt_regs *ctx)
{
#if defined(__TARGET_ARCH_x86)
	to[0] = ctx->ax;
	to[1] = ctx->dx;
	to[2] = ctx->cx;
	to[3] = ctx->bx;
	to[4] = ctx->si;
	to[5] = ctx->di;
	to[6] = ctx->bp;
	to[7] = ctx->sp;
	to[8] = ctx->r8;
	to[9] = ctx->r9;
	to[10] = ctx->r10;
	to[11] = ctx->r11;
	to[12] = ctx->r12;
	to[13] = ctx->r13;
	to[14] = ctx->r14;
	to[15] = ctx->r15;
	to[16] = ctx->ip;
#else
	const struct user_pt_regs *user = (const struct user_pt_regs *)ctx;
	int i;

#pragma unroll
	for (i = 0; i < 31; i++)
		to[i] = user->regs[i];
	to[31] = user->sp;
#endif
}

/* Where a stack is taken. */
struct sonde_place {
	const struct sonde_regs *regs;
	/* All registers, at the first instruction of a function; NULL anywhere else. */
	const struct pt_regs *entry;
	/* Id of the goroutine's stack behind the C stack, 0 for none; where the C stack began. */
	__u64 go_stack;
	__u64 hi;
};

static __always_inline void sonde_fill_copy(struct sonde_stack_copy *head,
					    const struct sonde_walk *walk,
					    const struct sonde_place *place, __u64 id)
{
	head->event = SONDE_FRAMEWORK_EVENTS;
	head->flags = 0;
	head->ktime_ns = bpf_ktime_get_ns();
	head->id = id;
	head->missing = walk->missing;
	head->length_bytes = walk->words * 8;
	head->go_stack = place->go_stack;
	/* The walk's own: a trampoline may have been replaced. */
	head->pc = place->entry ? place->regs->ip : walk->key & ~(1ULL << 63);
	head->stack_pointer = walk->base;
	head->at_entry = place->entry != NULL;
	if (place->entry) {
		sonde_copy_registers(head->registers, place->entry);
#if defined(__TARGET_ARCH_arm64)
		head->registers[30] = walk->lr;
#endif
	} else
		sonde_frame_registers(head->registers, place->regs, walk->lr);
}

/*
 * Sends `bytes` of the copy, or none: a record's size has to be a constant. False: no room.
 * A macro, because the size is part of a type.
 */
#define SONDE_SEND_COPY(walk, place, id, bytes_max)                                                \
	({                                                                                         \
		struct {                                                                           \
			struct sonde_stack_copy head;                                              \
			char bytes[bytes_max];                                                     \
		} *copy = bpf_ringbuf_reserve(&sonde_ring, sizeof(*copy), 0);                      \
		if (copy) {                                                                        \
			sonde_fill_copy(&copy->head, walk, place, id);                             \
			copy->head.size = sizeof(*copy);                                           \
			if (bpf_probe_read_kernel(copy->bytes, bytes_max, walk->word))             \
				copy->head.length_bytes = 0;                                       \
			bpf_ringbuf_submit(copy, BPF_RB_FORCE_WAKEUP);                             \
		}                                                                                  \
		copy != NULL;                                                                      \
	})

/* A probe whose programs run under a lock of the kernel defines it as 1 before any include. */
#ifndef SONDE_HOLDS_LOCK
#define SONDE_HOLDS_LOCK 0
#endif

/* How long one wait lasts, in iterations and in time; how many there are where it gets tight. */
#define SONDE_WAIT_ROUNDS 2048
#define SONDE_WAIT_NS 100000
#define SONDE_WAITS 16

/*
 * Holds the thread back for a tenth of a millisecond at most, until no more than this is unread. A
 * global function: the verifier looks at its loop once.
 */
__noinline int sonde_wait_for_reader(__u64 unread_max)
{
	__u64 until = bpf_ktime_get_ns() + SONDE_WAIT_NS;
	int i;

#pragma clang loop unroll(disable)
	for (i = 0; i < SONDE_WAIT_ROUNDS; i++) {
		if (bpf_ringbuf_query(&sonde_ring, BPF_RB_AVAIL_DATA) <= unread_max ||
		    bpf_ktime_get_ns() > until)
			break;
	}
	return i;
}

/*
 * New code misses as fast as rules can be found, and no faster: who has half of the ring before it
 * waits once, who finds it fuller still waits more often. A program that runs into much new code
 * at once is slowed down for that moment instead of losing its stacks.
 */
static __always_inline void sonde_slow_down(void)
{
	__u64 half = 2 * SONDE_TARGET->ring_wakeup_bytes;
	int i;

	/* Where the kernel holds a lock, waiting for the reader may be waiting for ever. */
	if (SONDE_HOLDS_LOCK)
		return;
	sonde_wait_for_reader(half);
#pragma clang loop unroll(disable)
	for (i = 0; i < SONDE_WAITS; i++) {
		if (bpf_ringbuf_query(&sonde_ring, BPF_RB_AVAIL_DATA) <= half + half / 4)
			break;
		sonde_wait_for_reader(half);
	}
}

/* The window of time for which stack_copies_max holds. */
#define SONDE_COPIES_WINDOW_NS 100000000ULL

/*
 * Whether this CPU may send one more copy. New code stops missing within milliseconds; what goes
 * on missing has no rule that BPF can follow, and must not fill the ring for good.
 */
static __always_inline bool sonde_may_copy(struct sonde_walk *walk)
{
	__u64 now = bpf_ktime_get_ns();

	if (now - walk->window_ns > SONDE_COPIES_WINDOW_NS) {
		walk->window_ns = now;
		walk->copies = 0;
	}
	walk->copies++;
	return walk->copies <= SONDE_TARGET->stack_copies_max;
}

/*
 * Sends the copy for user space to unwind. Returns the provisional id; 0 when this CPU has sent too
 * many, or the ring is too full: copies leave a quarter of it, so that a burst of new addresses
 * does not push events out.
 */
static __always_inline __u64 sonde_send_copy(struct sonde_walk *walk,
					     const struct sonde_place *place)
{
	__u64 id, length = walk->words * 8;
	bool sent;

	if (!sonde_may_copy(walk))
		return 0;
	sonde_slow_down();
	if (bpf_ringbuf_query(&sonde_ring, BPF_RB_AVAIL_DATA) > 3 * SONDE_TARGET->ring_wakeup_bytes)
		return 0;
	/* Unique among the probes of the session, and among the CPUs of one. */
	walk->sequence++;
	id = SONDE_PROVISIONAL | (__u64)(SONDE_TARGET->event_base & 0x7f00) << 48 |
	     (__u64)(bpf_get_smp_processor_id() & 0xffff) << 40 |
	     (walk->sequence & ((1ULL << 40) - 1));
	if (length <= 1024)
		sent = SONDE_SEND_COPY(walk, place, id, 1024);
	else if (length <= 4096)
		sent = SONDE_SEND_COPY(walk, place, id, 4096);
	else
		sent = SONDE_SEND_COPY(walk, place, id, SONDE_COPY_BYTES);
	return sent ? id : 0;
}

#endif
