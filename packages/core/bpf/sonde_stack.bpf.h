/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * Stacks: a walk along frame pointers, and a map from the hash of a stack to its addresses.
 * What a reader would get wrong: every stored address is a return address, so its line is that of
 * address - 1. Where the innermost one is an exact address (a fault), one is added to it here.
 *
 * The walk runs twice for a stack that is new and once for one that is known: the first pass only
 * hashes, the second writes into the map's own value. So no scratch memory is needed, and two
 * threads that interrupt each other on one CPU cannot mix their stacks.
 */
#ifndef SONDE_STACK_BPF_H
#define SONDE_STACK_BPF_H

#define SONDE_STACK_TRUNCATED 1
#define SONDE_STACK_READ_FAILED 2
/* The chain left the goroutine's stack: what C code called back from is not known. */
#define SONDE_STACK_OUTER_UNKNOWN 4
/* The chain went on beyond a callback, without the frames of the C code that called back. */
#define SONDE_STACK_OUTER_C_ABSENT 32

/* In stack ids: provisional, only user space knows the frames (sonde_unwind.bpf.h). */
#define SONDE_PROVISIONAL (1ULL << 63)

/* Hash of a stack → its addresses, innermost first; shared by the session's probes. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4096);
	__type(key, __u64);
	__type(value, struct sonde_stack);
} sonde_stacks SEC(".maps");

/* Never written: what a new entry of `sonde_stacks` holds until its frames are in. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct sonde_stack);
} sonde_stack_blank SEC(".maps");

#include "sonde_chain.bpf.h"

/*
 * The hash of the return addresses from `fp` on, while it stays in [lo, hi) and grows; 0 if there
 * is none. A global function, so that the verifier looks at it once and not at every call.
 */
__noinline __u64 sonde_frames_hash(__u64 fp, __u64 lo, __u64 hi)
{
	struct sonde_frame frame;
	struct sonde_chain chain;
	__u64 hash = 0;
	int i;

	sonde_start_chain(&chain, fp, lo, hi);
#pragma clang loop unroll(disable)
	for (i = 1; i < SONDE_STACK_FRAMES_MAX; i++) {
		if (sonde_step(&chain, &frame) != SONDE_STEP_FRAME)
			break;
		hash = sonde_mix(hash, frame.pc);
	}
	return hash;
}

/* Writes `first`, if there is one, and the frames from `fp` on into an entry of `sonde_stacks`. */
static __always_inline void sonde_fill_stack(struct sonde_stack *stack, __u64 first, __u64 fp,
					     __u64 lo, __u64 hi)
{
	/* 1 without `first`, else 0; no branch here either. */
	__u64 skip = ~sonde_below(0, first) & 1;
	enum sonde_step step = SONDE_STEP_FRAME;
	struct sonde_frame frame;
	struct sonde_chain chain;
	__u32 flags;
	int i;

	sonde_start_chain(&chain, fp, lo, hi);
	stack->pc[0] = first;
#pragma clang loop unroll(disable)
	for (i = 1; i < SONDE_STACK_FRAMES_MAX; i++) {
		step = sonde_step(&chain, &frame);
		if (step != SONDE_STEP_FRAME)
			break;
		stack->pc[i - skip] = frame.pc;
	}
	/* The outermost frame of a goroutine says 0. */
	flags = step == SONDE_STEP_FRAME   ? SONDE_STACK_TRUNCATED :
		step == SONDE_STEP_FAILED  ? SONDE_STACK_READ_FAILED :
		step == SONDE_STEP_OUTSIDE ? SONDE_STACK_OUTER_UNKNOWN :
					     0;
	stack->flags = flags | (chain.crossed & SONDE_STACK_OUTER_C_ABSENT);
	stack->next = 0;
	stack->count = i - skip;
}

/*
 * The id under which `sonde_stacks` holds the stack of `first` (0: there is none) and the frames
 * from `fp` on, whose hash is `frames_hash`. 0 if it is empty, or if the map is full.
 */
__noinline __u64 sonde_keep_stack(__u64 frames_hash, __u64 first, __u64 fp, __u64 lo, __u64 hi)
{
	__u64 id = first ? sonde_mix(frames_hash, first) : frames_hash;
	struct sonde_stack *stack;
	__u32 zero = 0;
	int error; /* not a long: before Linux 6.4 its sign is not extended */

	id &= ~SONDE_PROVISIONAL;
	if (!id || bpf_map_lookup_elem(&sonde_stacks, &id))
		return id;
	stack = bpf_map_lookup_elem(&sonde_stack_blank, &zero);
	if (!stack)
		return 0;
	error = bpf_map_update_elem(&sonde_stacks, &id, stack, BPF_NOEXIST);
	if (error == -SONDE_EEXIST)
		return id;
	stack = error ? NULL : bpf_map_lookup_elem(&sonde_stacks, &id);
	if (!stack) {
		sonde_loss(SONDE_LOSS_STACK_LOST);
		return 0;
	}
	sonde_fill_stack(stack, first, fp, lo, hi);
	return id;
}

/* The stack of `first` and all frames from `fp` on. */
static __always_inline __u64 sonde_stack_from(__u64 first, __u64 fp)
{
	return sonde_keep_stack(sonde_frames_hash(fp, 1, ~0ULL), first, fp, 1, ~0ULL);
}

/*
 * The same of Go code that runs for `g` (0: not known). Its frames all lie on one stack: without
 * the bounds of that, a chain that C code called into would go on into frames of C.
 */
static __always_inline __u64 sonde_stack_of_go(__u64 g, __u64 first, __u64 fp)
{
	__u64 bounds[2] = {};

	/* runtime/runtime2.go: type g begins with stack.lo, stack.hi. */
	if (g && bpf_probe_read_user(bounds, sizeof(bounds), (void *)(g + SONDE_TARGET->g_stack_lo)))
		bounds[1] = 0;
	if (fp < bounds[0] || fp >= bounds[1])
		return sonde_stack_from(first, fp);
	return sonde_keep_stack(sonde_frames_hash(fp, bounds[0], bounds[1]), first, fp, bounds[0],
				bounds[1]);
}

/* The stack at the first or the last instruction of a Go function: its caller comes first. */
static __always_inline __u64 sonde_stack_at_edge(const struct pt_regs *ctx)
{
	struct sonde_regs regs;

	sonde_regs_of(ctx, &regs);
	return sonde_stack_of_go(sonde_g_of_code(ctx), sonde_caller(&regs), regs.fp);
}

/* The stack inside a Go function that has set up its frame: its caller comes first. */
static __always_inline __u64 sonde_stack_in_body(const struct pt_regs *ctx)
{
	struct sonde_regs regs;

	sonde_regs_of(ctx, &regs);
	return sonde_stack_of_go(sonde_g_of_code(ctx), 0, regs.fp);
}

/*
 * The stack of the goroutine for which code runs on the system stack: it begins where it called
 * runtime.systemstack, whose return address lies at its saved stack pointer.
 */
static __always_inline __u64 sonde_stack_behind_switch(const struct pt_regs *ctx)
{
	__u64 g = sonde_g_of_code(ctx), curg = sonde_goroutine(g), lo, hi, fp;

	if (!curg || curg == g)
		return sonde_stack_at_edge(ctx);
	lo = sonde_user_word(curg + SONDE_TARGET->g_stack_lo);
	hi = sonde_user_word(curg + SONDE_TARGET->g_stack_hi);
	fp = sonde_user_word(curg + SONDE_TARGET->g_sched_bp);
	return sonde_keep_stack(sonde_frames_hash(fp, lo, hi),
				sonde_user_word(sonde_user_word(curg + SONDE_TARGET->g_sched_sp)),
				fp, lo, hi);
}

#include "sonde_unwind.bpf.h"

/*
 * The id of what stands for a lost stack: its innermost address and the Go stack behind it, marked
 * as a stack that lacks what lay between them. 0 if there is no room even for that.
 */
static __always_inline __u64 sonde_cut_stack(__u64 first, __u64 go_stack)
{
	__u64 id = sonde_mix(sonde_mix(go_stack, first), SONDE_STACK_C_LOST) & ~SONDE_PROVISIONAL;
	struct sonde_stack *stack;
	__u32 zero = 0;

	if (bpf_map_lookup_elem(&sonde_stacks, &id))
		return id;
	stack = bpf_map_lookup_elem(&sonde_stack_blank, &zero);
	if (!stack)
		return 0;
	bpf_map_update_elem(&sonde_stacks, &id, stack, BPF_NOEXIST);
	stack = bpf_map_lookup_elem(&sonde_stacks, &id);
	if (!stack)
		return 0;
	stack->pc[0] = first;
	stack->flags = SONDE_STACK_C_LOST;
	stack->next = go_stack;
	stack->count = 1;
	return id;
}

/* The current thread's entry in `sonde_threads`, with the m of this g; NULL if there is none. */
static __always_inline struct sonde_thread *sonde_thread_of(__u64 g)
{
	__u32 id = (__u32)bpf_get_current_pid_tgid();
	struct sonde_thread *thread = bpf_map_lookup_elem(&sonde_threads, &id);
	__u32 zero = 0;
	void *blank;

	if (!thread) {
		/* Zeros, of which the stack of the program has no room for so many. */
		_Static_assert(sizeof(*thread) <= sizeof(struct sonde_stack), "blank is too small");
		blank = bpf_map_lookup_elem(&sonde_stack_blank, &zero);
		if (blank)
			bpf_map_update_elem(&sonde_threads, &id, blank, BPF_NOEXIST);
		thread = bpf_map_lookup_elem(&sonde_threads, &id);
		if (!thread) {
			sonde_loss(SONDE_LOSS_MAP_FULL);
			return NULL;
		}
	}
	if (thread->g != g) {
		thread->calls = 0;
		thread->m = sonde_user_word(g + SONDE_TARGET->g_m);
		thread->g = g;
	}
	return thread->m ? thread : NULL;
}

/*
 * The thread with the goroutine that called into the C code which it runs; NULL if none did. A
 * helper call costs far more than the bytes it copies, so each struct of the runtime is read once.
 */
static __always_inline struct sonde_thread *sonde_thread_in_c(void)
{
	__u32 calls_at = SONDE_TARGET->m_ncgocall - SONDE_TARGET->m_curg;
	__u32 depth_at = SONDE_TARGET->m_ncgo - SONDE_TARGET->m_curg;
	__u64 g = sonde_g_of_thread(), curg, calls, m;
	struct sonde_thread *thread;
	__u32 depth;

	thread = g ? sonde_thread_of(g) : NULL;
	if (!thread)
		return NULL;
	m = thread->m + SONDE_TARGET->m_curg;
	if (bpf_probe_read_user(thread->near_m, SONDE_NEAR_BYTES, (void *)m))
		goto failed;
	curg = *(const __u64 *)thread->near_m;
	calls = sonde_field(thread->near_m, m, calls_at);
	depth = (__u32)sonde_field(thread->near_m, m, depth_at);
	if (!depth || !curg)
		return NULL;
	if (calls && thread->calls == calls && thread->depth == depth)
		return thread;
	thread->calls = 0;
	if (bpf_probe_read_user(thread->near_g, SONDE_NEAR_BYTES, (void *)curg))
		goto failed;
	thread->goid = sonde_field(thread->near_g, curg, SONDE_TARGET->g_goid);
	thread->fp = sonde_field(thread->near_g, curg, SONDE_TARGET->g_sched_bp);
	thread->stack_lo = sonde_field(thread->near_g, curg, SONDE_TARGET->g_stack_lo);
	thread->stack_hi = sonde_field(thread->near_g, curg, SONDE_TARGET->g_stack_hi);
	thread->frames_hash = sonde_frames_hash(thread->fp, thread->stack_lo, thread->stack_hi);
	thread->go_stack = sonde_keep_stack(thread->frames_hash, 0, thread->fp, thread->stack_lo,
					    thread->stack_hi);
	thread->c_stack_hi = sonde_user_word(g + SONDE_TARGET->g_sched_sp);
	thread->depth = depth;
	thread->calls = calls;
	return thread;
failed:
	sonde_loss(SONDE_LOSS_READ_FAILED);
	return NULL;
}

/* The stack of C code: one C address, then the Go frames of the thread's goroutine, if any. */
static __always_inline __u64 sonde_stack_in_c(__u64 first, const struct sonde_thread *thread)
{
	if (!thread)
		return sonde_keep_stack(0, first, 0, 1, 1);
	return sonde_keep_stack(thread->frames_hash, first, thread->fp, thread->stack_lo,
				thread->stack_hi);
}

/*
 * The whole stack of C code: its frames, then those of the goroutine that called it. `entry` is not
 * NULL at the first instruction of a function, whose caller then comes first.
 */
static __always_inline __u64 sonde_stack_of_c(const struct sonde_regs *regs,
					      const struct pt_regs *entry,
					      const struct sonde_thread *thread)
{
	struct sonde_place place = { .regs = regs, .entry = entry };
	__u64 first = entry ? sonde_caller(regs) : regs->ip + 1, id;

	if (thread) {
		place.go_stack = thread->go_stack;
		place.hi = thread->c_stack_hi;
	}
	if (!SONDE_TARGET->stack_copies_max)
		return sonde_stack_in_c(first, thread);
	id = regs->sp ? sonde_whole_stack(&place) : 0;
	return id ? id : sonde_cut_stack(first, place.go_stack);
}

/*
 * The whole stack at the first instruction of a C function. `goid`, where it is not NULL, becomes
 * the number of the goroutine that called into C, 0 if none did.
 */
static __always_inline __u64 sonde_stack_at_c_entry(const struct pt_regs *ctx, __u64 *goid)
{
	const struct sonde_thread *thread = sonde_thread_in_c();
	struct sonde_regs regs;

	sonde_regs_of(ctx, &regs);
	if (goid)
		*goid = thread ? thread->goid : 0;
	return sonde_stack_of_c(&regs, ctx, thread);
}

/* Size of the kernel's stacks where its pages are 4 KiB: THREAD_SIZE in both architectures. */
#define SONDE_KERNEL_STACK_BYTES 16384

/*
 * The registers with which the current task entered the kernel. Before Linux 5.15 no helper gives
 * them: they are read from the top of the kernel stack, and believed only if their instruction
 * pointer is the one that the kernel's own unwinder reports. False: at most `regs->ip` is known.
 */
static __always_inline bool sonde_task_regs(void *ctx, struct sonde_regs *regs)
{
	struct task_struct *task = (struct task_struct *)bpf_get_current_task();
	__u64 ip = 0, top;

	if (bpf_core_enum_value_exists(enum bpf_func_id___sonde, BPF_FUNC_task_pt_regs___sonde)) {
		top = (__u64)bpf_task_pt_regs(bpf_get_current_task_btf());
		if (!sonde_read_regs(top, regs))
			return true;
	}
	if (bpf_get_stack(ctx, &ip, sizeof(ip), BPF_F_USER_STACK) < 0)
		ip = 0;
	top = (__u64)BPF_CORE_READ(task, stack) + SONDE_KERNEL_STACK_BYTES;
	top -= bpf_core_type_size(struct pt_regs);
	if (!sonde_read_regs(top, regs) && ip && regs->ip == ip)
		return true;
	*regs = (struct sonde_regs){ .ip = ip };
	return false;
}

/* The user stack of the current task, from a program that runs on a kernel event. */
static __always_inline __u64 sonde_stack_of_task(void *ctx)
{
	struct sonde_regs regs;

	if (!sonde_task_regs(ctx, &regs) && !regs.ip) {
		sonde_loss(SONDE_LOSS_STACK_LOST);
		return 0;
	}
	/* Go keeps g in thread-local storage too, wherever C code may ask for it. */
	if (regs.ip >= SONDE_TARGET->go_text_start && regs.ip < SONDE_TARGET->go_text_end)
		return sonde_stack_of_go(sonde_g_of_thread(), regs.ip + 1, regs.fp);
	return sonde_stack_of_c(&regs, NULL, sonde_thread_in_c());
}

#endif
