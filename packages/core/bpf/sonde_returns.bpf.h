/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * True return addresses in a copied stack. While a function runs whose return is probed, the kernel
 * keeps its return address and leaves that of a trampoline in its place; a walk from inside the
 * function would end there. What a reader would get wrong: x86_64 replaces the word on the stack,
 * arm64 the link register, which the function then saves anywhere in its own frame.
 */
#ifndef SONDE_RETURNS_BPF_H
#define SONDE_RETURNS_BPF_H

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

/* include/linux/uprobes.h and kernel/events/uprobes.c: only what is read. */
struct return_instance {
	unsigned long stack;
	unsigned long orig_ret_vaddr;
	struct return_instance *next;
};

struct uprobe_task {
	struct return_instance *return_instances;
};

struct xol_area {
	unsigned long vaddr;
};

struct uprobes_state {
	struct xol_area *xol_area;
};

struct task_struct___uprobes {
	struct mm_struct___uprobes *mm;
	struct uprobe_task *utask;
};

struct mm_struct___uprobes {
	struct uprobes_state uprobes_state;
};

#pragma clang attribute pop

/* Pending calls that are looked at, the innermost first. */
#define SONDE_RETURNS_MAX 8
/* Words below the stack pointer at entry in which arm64's functions are expected to save x30. */
#if defined(__TARGET_ARCH_x86)
#define SONDE_RETURN_WORDS 1
#else
#define SONDE_RETURN_WORDS 64
#endif

/* All ones if a == b, else 0, without a branch. */
static __always_inline __u64 sonde_equal(__u64 a, __u64 b)
{
	__u64 differ = a ^ b;
	__u64 mask = (__u64)((__s64)~(differ | -differ) >> 63);

	/* Otherwise clang makes the branch again. */
	SONDE_KEEP_HERE(mask);
	return mask;
}

/* `value`, or `other` where it is `wanted`. */
static __always_inline __u64 sonde_swap(__u64 value, __u64 wanted, __u64 other)
{
	return value ^ ((value ^ other) & sonde_equal(value, wanted));
}

/*
 * Replaces the trampoline by the return address of one call, if it is where it should be. Without a
 * branch: with them the verifier of Linux 7 on arm64 went through a million instructions.
 */
static __always_inline void sonde_restore_return(struct sonde_walk *walk, __u64 sp,
						 __u64 trampoline, __u64 address)
{
	__u64 index = (sp - walk->base) >> 3, words = walk->words, at, inside, other;
	int i;

#pragma clang loop unroll(disable)
	for (i = 0; i < SONDE_RETURN_WORDS; i++) {
#if defined(__TARGET_ARCH_x86)
		at = index;
#else
		at = index - 1 - i;
#endif
		inside = sonde_below(at, words);
		/* Elsewhere it replaces a trampoline by itself. */
		other = trampoline ^ ((trampoline ^ address) & inside);
		SONDE_KEEP_HERE(at);
		at &= SONDE_COPY_WORDS - 1;
		walk->word[at] = sonde_swap(walk->word[at], trampoline, other);
	}
}

/*
 * Puts the return addresses back that the kernel keeps for the current task, into this CPU's copy
 * and the state before the first step; returns how many there were. A call whose frame was left
 * without a return (longjmp) has no trampoline at its place any more. A global function, so that
 * its stack is its own.
 */
__noinline int sonde_restore_returns(void)
{
	struct task_struct___uprobes *task = (void *)bpf_get_current_task();
	struct return_instance *call;
	__u64 trampoline, address;
	struct sonde_walk *walk;
	__u32 zero = 0;
	int i;

	walk = bpf_map_lookup_elem(&sonde_walks, &zero);
	if (!walk || !bpf_core_field_exists(task->utask))
		return 0;
	call = BPF_CORE_READ(task, utask, return_instances);
	if (!call)
		return 0;
	trampoline = BPF_CORE_READ(task, mm, uprobes_state.xol_area, vaddr);
	if (!trampoline)
		return 0;
#pragma clang loop unroll(disable)
	for (i = 0; i < SONDE_RETURNS_MAX; i++) {
		address = BPF_CORE_READ(call, orig_ret_vaddr);
		/* The call has returned, into the trampoline, which has not run yet. */
		walk->key = sonde_swap(walk->key, trampoline | SONDE_EXACT, address | SONDE_EXACT);
		/* A leaf of arm64, or any function before it has saved the register. */
		walk->lr = sonde_swap(walk->lr, trampoline, address);
		sonde_restore_return(walk, BPF_CORE_READ(call, stack), trampoline, address);
		call = BPF_CORE_READ(call, next);
		if (!call)
			return i + 1;
	}
	return SONDE_RETURNS_MAX;
}

#endif
