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

/* One step of the hash; the multiplier is 2^64 divided by the golden ratio. */
static __always_inline __u64 sonde_mix(__u64 hash, __u64 pc)
{
	hash = (hash ^ pc) * 0x9E3779B97F4A7C15ULL;
	return hash ^ (hash >> 29);
}

/*
 * Walks from `fp` while it stays in [lo, hi) and grows, after `first` (0: there is none). Fills
 * `stack` unless it is NULL, and returns the hash; 0 for a stack without frames.
 */
static __always_inline __u64 sonde_walk(__u64 first, __u64 fp, __u64 lo, __u64 hi,
					struct sonde_stack *stack)
{
	__u64 frame[2], hash = 0;
	__u32 flags = SONDE_STACK_TRUNCATED;
	__u32 count = 0;
	int i;

	if (first) {
		hash = sonde_mix(hash, first);
		if (stack)
			stack->pc[0] = first;
		count = 1;
	}
#pragma clang loop unroll(disable)
	for (i = 1; i < SONDE_STACK_FRAMES_MAX; i++) {
		if (fp < lo || fp >= hi) {
			flags = 0;
			break;
		}
		if (bpf_probe_read_user(frame, sizeof(frame), (void *)fp)) {
			flags = SONDE_STACK_READ_FAILED;
			break;
		}
		frame[1] = sonde_code_address(frame[1]);
		if (!frame[1]) {
			flags = 0;
			break;
		}
		hash = sonde_mix(hash, frame[1]);
		/* Without `first`, the walk starts at index 0 and so ends one frame earlier. */
		if (stack)
			stack->pc[first ? i : i - 1] = frame[1];
		count = first ? i + 1 : i;
		/* Stacks grow down: a caller's frame lies above its callee's. */
		lo = fp + 1;
		fp = frame[0];
	}
	if (stack) {
		stack->flags = flags;
		stack->count = count;
	}
	return count && !hash ? 1 : hash;
}

/*
 * The id under which `sonde_stacks` holds this stack, 0 if it has no frames or the map is full.
 * A global function, so that the verifier looks at it once and not at every call.
 */
__noinline __u64 sonde_stack_id(__u64 first, __u64 fp, __u64 lo, __u64 hi)
{
	__u64 id = sonde_walk(first, fp, lo, hi, NULL);
	struct sonde_stack *stack;
	__u32 zero = 0;
	long error;

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
	sonde_walk(first, fp, lo, hi, stack);
	return id;
}

/* The stack at the first or the last instruction of a Go function: its caller comes first. */
static __always_inline __u64 sonde_stack_at_edge(const struct pt_regs *ctx)
{
	struct sonde_regs regs;

	sonde_regs_of(ctx, &regs);
	return sonde_stack_id(sonde_caller(&regs), regs.fp, 1, ~0ULL);
}

/* The stack inside a Go function that has set up its frame: its caller comes first. */
static __always_inline __u64 sonde_stack_in_body(const struct pt_regs *ctx)
{
	struct sonde_regs regs;

	sonde_regs_of(ctx, &regs);
	return sonde_stack_id(0, regs.fp, 1, ~0ULL);
}

/* The stack of C code that Go called: one C address, then the Go frames of that goroutine. */
static __always_inline __u64 sonde_stack_in_c(__u64 first, const struct sonde_goroutine *goroutine)
{
	return sonde_stack_id(first, goroutine->fp, goroutine->stack_lo, goroutine->stack_hi);
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
	struct pt_regs user = {};
	__u64 ip = 0, top;

	if (bpf_core_enum_value_exists(enum bpf_func_id___sonde, BPF_FUNC_task_pt_regs___sonde)) {
		top = (__u64)bpf_task_pt_regs(bpf_get_current_task_btf());
		if (!bpf_probe_read_kernel(&user, sizeof(user), (void *)top)) {
			sonde_regs_of(&user, regs);
			return true;
		}
	}
	if (bpf_get_stack(ctx, &ip, sizeof(ip), BPF_F_USER_STACK) < 0)
		ip = 0;
	top = (__u64)BPF_CORE_READ(task, stack) + SONDE_KERNEL_STACK_BYTES;
	top -= bpf_core_type_size(struct pt_regs);
	if (bpf_probe_read_kernel(&user, sizeof(user), (void *)top))
		user = (struct pt_regs){};
	sonde_regs_of(&user, regs);
	if (ip && regs->ip == ip)
		return true;
	*regs = (struct sonde_regs){ .ip = ip };
	return false;
}

/* The user stack of the current task, from a program that runs on a kernel event. */
static __always_inline __u64 sonde_stack_of_task(void *ctx)
{
	struct sonde_goroutine goroutine;
	struct sonde_regs regs;

	if (!sonde_task_regs(ctx, &regs) && !regs.ip) {
		sonde_loss(SONDE_LOSS_STACK_LOST);
		return 0;
	}
	if (regs.ip >= SONDE_TARGET->go_text_start && regs.ip < SONDE_TARGET->go_text_end)
		return sonde_stack_id(regs.ip + 1, regs.fp, 1, ~0ULL);
	sonde_goroutine_in_c(&goroutine);
	return sonde_stack_in_c(regs.ip + 1, &goroutine);
}

#endif
