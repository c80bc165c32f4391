/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * Whole stacks of C code without frame pointers: one copy of the stack into per-CPU memory, then a
 * walk from return address to return address by rules that user space has put into `sonde_rules`.
 * What a reader would get wrong: an address without a rule is not an error. The copy goes to user
 * space under a provisional id, the walk ends there, and the next hit finds the rule.
 *
 * The loop calls no helper: a helper call costs more than a frame. Its memory is per CPU, and user
 * probes may be preempted (since about Linux 6.0), so whoever uses it signs it with its thread and
 * looks afterwards whether the signature is still its own.
 */
#ifndef SONDE_UNWIND_BPF_H
#define SONDE_UNWIND_BPF_H

#define SONDE_RULES 65536
#define SONDE_RULE_TRIES 4

/* Kinds of rules, the low three bits: packages/symbols/src/unwind/rule-word.ts. */
enum sonde_rule_kind {
	SONDE_RULE_MISSING = 0,
	SONDE_RULE_STACK = 1,
	SONDE_RULE_FRAME = 2,
	SONDE_RULE_START = 3,
	SONDE_RULE_USER = 4,
	SONDE_RULE_NONE = 5,
	SONDE_RULE_FRAME_MEMORY = 6,
};

/* The frame pointer's place: where it points itself, and when the caller's is not known. */
#define SONDE_PLACE_AT_FRAME 0xfffe
#define SONDE_PLACE_UNKNOWN 0xffff

/* In keys of `sonde_rules`: the address is an instruction's own, not a return address. */
#define SONDE_EXACT (1ULL << 63)
/* In `sonde_stack.flags`: code without unwind data ended the walk; frames of C were lost. */
#define SONDE_STACK_NO_UNWIND_DATA 8
#define SONDE_STACK_C_LOST 16

struct sonde_rule {
	__u64 address;
	__u64 rule;
};

struct sonde_rule_table {
	struct sonde_rule slot[SONDE_RULES];
};

/* Return address → rule, filled by user space through a mapping of this memory. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct sonde_rule_table);
} sonde_rules SEC(".maps");

#define SONDE_COPY_WORDS 2048
#define SONDE_COPY_BYTES (8 * SONDE_COPY_WORDS)
#define SONDE_PAGE_BYTES 4096

/* One walk: where it starts, the copy that it reads, what it found. */
struct sonde_walk {
	/* Thread that uses this memory; another value afterwards means that both must start again. */
	__u64 owner;
	/* Number of the last provisional id of this CPU. */
	__u64 sequence;
	/* Start of the window of time in which this CPU has sent `copies`. */
	__u64 window_ns;
	__u64 copies;
	/* First copied address and number of valid words. */
	__u64 base;
	__u64 words;
	/* End of the C stack, 0 where it is not known. */
	__u64 hi;
	/* State before the first step; `key` is a return address or an exact one. */
	__u64 sp;
	__u64 fp;
	__u64 lr;
	__u64 key;
	/* After the walk: frames, flags for the entry, and the key without a rule, 0 for none. */
	__u64 count;
	__u64 flags;
	__u64 missing;
	__u64 pc[SONDE_STACK_FRAMES_MAX + 3];
	__u64 word[SONDE_COPY_WORDS];
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct sonde_walk);
} sonde_walks SEC(".maps");

#define SONDE_KEEP_HERE(x) asm volatile("" : "+r"(x))

/* The rule of a key; 0 where there is none. Open addressing: user space leaves no other gaps. */
static __always_inline __u64 sonde_rule_of(const struct sonde_rule_table *rules, __u64 key)
{
	__u64 first = (key * 0x9E3779B97F4A7C15ULL) >> 48;
	int i;

#pragma unroll
	for (i = 0; i < SONDE_RULE_TRIES; i++) {
		__u64 index = first + i;

		/* Masked right before its use: otherwise the verifier of 5.10 forgets the bound. */
		SONDE_KEEP_HERE(index);
		index &= SONDE_RULES - 1;
		if (rules->slot[index].address == key)
			return rules->slot[index].rule;
	}
	return SONDE_RULE_MISSING;
}

/* The word `place` words below an address of the copy; 0 outside of it. */
static __always_inline __u64 sonde_copied(const struct sonde_walk *walk, __u64 index, __u64 place)
{
	__u64 at = index - place;

	if (at >= walk->words)
		return 0;
	SONDE_KEEP_HERE(at);
	at &= SONDE_COPY_WORDS - 1;
	return walk->word[at];
}

/* The canonical frame address by a rule; false where user space has to find it. */
static __always_inline bool sonde_cfa(const struct sonde_walk *walk, __u64 rule, __u64 sp, __u64 fp,
				      __u64 *cfa)
{
	__u64 offset = (rule >> 3) & 0x1fff;

	if ((rule & 7) == SONDE_RULE_STACK)
		*cfa = sp + offset * 8;
	else if ((rule & 7) == SONDE_RULE_FRAME)
		*cfa = fp + offset * 8;
	else if ((rule & 7) == SONDE_RULE_FRAME_MEMORY)
		*cfa = sonde_copied(walk, (fp - walk->base) >> 3, offset);
	else
		return false;
	return true;
}

/* The caller's frame pointer; `cfa` counts words from the start of the copy. */
static __always_inline __u64 sonde_caller_fp(const struct sonde_walk *walk, __u64 rule, __u64 fp,
					     __u64 cfa)
{
	__u64 place = (rule >> 16) & 0xffff;

	if (place == SONDE_PLACE_UNKNOWN)
		return 0;
	if (place == SONDE_PLACE_AT_FRAME)
		return sonde_copied(walk, (fp - walk->base) >> 3, 0);
	return place ? sonde_copied(walk, cfa, place) : fp;
}

/*
 * Walks from the state in this CPU's `sonde_walks` and returns the hash of `hash` and the frames.
 * A global function: the verifier looks at its loop once, whatever calls it.
 */
__noinline __u64 sonde_walk_frames(__u64 hash)
{
	__u64 count = 0, flags = SONDE_STACK_TRUNCATED, missing = 0, rule, cfa, place;
	__u64 sp, fp, lr, key;
	struct sonde_rule_table *rules;
	struct sonde_walk *walk;
	__u32 zero = 0;
	int i;

	walk = bpf_map_lookup_elem(&sonde_walks, &zero);
	rules = bpf_map_lookup_elem(&sonde_rules, &zero);
	if (!walk || !rules)
		return 0;
	sp = walk->sp;
	fp = walk->fp;
	lr = walk->lr;
	key = walk->key;
#pragma clang loop unroll(disable)
	for (i = 0; i < SONDE_STACK_FRAMES_MAX; i++) {
		__u64 pc = key & ~SONDE_EXACT;

		if (!pc || pc - SONDE_TARGET->go_text_start <
				   SONDE_TARGET->go_text_end - SONDE_TARGET->go_text_start ||
		    (walk->hi && sp >= walk->hi)) {
			flags = 0;
			break;
		}
		/* What is stored is looked up one byte before; an exact address is made to fit. */
		pc += key >> 63;
		walk->pc[i] = pc;
		hash = sonde_mix(hash, pc);
		count = i + 1;
		rule = sonde_rule_of(rules, key);
		if ((rule & 7) == SONDE_RULE_START) {
			flags = 0;
			break;
		}
		if ((rule & 7) == SONDE_RULE_NONE) {
			flags = SONDE_STACK_NO_UNWIND_DATA;
			break;
		}
		if (!sonde_cfa(walk, rule, sp, fp, &cfa)) {
			missing = key;
			break;
		}
		/* From here on `cfa` counts words from the start of the copy. */
		sp = cfa;
		cfa = (cfa - walk->base) >> 3;
		if (cfa > walk->words) {
			missing = key;
			break;
		}
		place = (rule >> 32) & 0xffff;
		if (place)
			lr = sonde_copied(walk, cfa, place);
		key = sonde_code_address(lr);
		fp = sonde_caller_fp(walk, rule, fp, cfa);
	}
	walk->count = count;
	walk->flags = flags;
	walk->missing = missing;
	return hash;
}

/* Copies the stack from `sp` on: to its end where that is known, else as far as it can be read. */
static __always_inline bool sonde_copy_stack(struct sonde_walk *walk, __u64 sp, __u64 hi)
{
	__u64 length = hi - sp;

	walk->base = sp;
	walk->hi = hi;
	if (hi <= sp || length > SONDE_COPY_BYTES) {
		length = SONDE_COPY_BYTES;
		walk->hi = 0;
	}
	length &= ~7ULL;
	SONDE_KEEP_HERE(length);
	if (length > SONDE_COPY_BYTES)
		return false;
	if (bpf_probe_read_user(walk->word, length, (void *)sp)) {
		length = SONDE_PAGE_BYTES - (sp & (SONDE_PAGE_BYTES - 1));
		if (bpf_probe_read_user(walk->word, length & (SONDE_PAGE_BYTES - 1), (void *)sp))
			return false;
		length &= SONDE_PAGE_BYTES - 1;
	}
	walk->words = length >> 3;
	return true;
}

#include "sonde_stack_copy.bpf.h"
#include "sonde_returns.bpf.h"

/* Writes a finished walk into a new entry of `sonde_stacks`; false if its memory was taken away. */
static __always_inline bool sonde_store_walk(const struct sonde_walk *walk, __u64 id,
					     __u64 go_stack, __u64 owner)
{
	struct sonde_stack *stack;
	__u32 zero = 0;
	__u64 count;
	int error;

	stack = bpf_map_lookup_elem(&sonde_stack_blank, &zero);
	if (!stack)
		return false;
	/* An int: before Linux 6.4 the helper's result is not sign-extended. */
	error = bpf_map_update_elem(&sonde_stacks, &id, stack, BPF_NOEXIST);
	if (error == -SONDE_EEXIST)
		return true;
	stack = bpf_map_lookup_elem(&sonde_stacks, &id);
	if (!stack) {
		sonde_loss(SONDE_LOSS_STACK_LOST);
		return false;
	}
	if (bpf_probe_read_kernel(stack->pc, sizeof(stack->pc), walk->pc))
		return false;
	count = walk->count;
	stack->flags = walk->flags;
	stack->next = go_stack;
	if (walk->owner != owner) {
		bpf_map_delete_elem(&sonde_stacks, &id);
		return false;
	}
	stack->count = count;
	return true;
}

/* Where the function returns to at whose first instruction the copy was made. */
static __always_inline __u64 sonde_return_at_entry(const struct sonde_walk *walk)
{
#if defined(__TARGET_ARCH_x86)
	return walk->word[0];
#else
	return sonde_code_address(walk->lr);
#endif
}

/* Where the walk begins: behind a call's return address, or at the exact instruction. */
static __always_inline void sonde_start_walk(struct sonde_walk *walk,
					     const struct sonde_place *place)
{
	walk->sp = place->regs->sp;
	walk->fp = place->regs->fp;
	walk->lr = place->regs->lr;
	walk->key = place->regs->ip | SONDE_EXACT;
	if (!place->entry)
		return;
#if defined(__TARGET_ARCH_x86)
	walk->sp += sizeof(__u64);
#endif
	walk->key = sonde_return_at_entry(walk);
}

/*
 * Whether a walk from a function's entry that did not reach its end can be tried again: it may have
 * met a trampoline. One lies behind an entry where a function whose return is probed jumped there,
 * or where the kernel runs a hit for the second time; and farther out in any pending call. Most
 * threads have none pending at an entry, so nobody looks before a walk has failed.
 */
static __always_inline bool sonde_can_walk_again(struct sonde_walk *walk,
						 const struct sonde_place *place)
{
	if (!place->entry || !walk->flags || !sonde_restore_returns())
		return false;
	walk->key = sonde_return_at_entry(walk);
	return true;
}

/* Walks the copy; 0 where it can be neither walked nor sent, or the memory was taken away. */
static __always_inline __u64 sonde_walk_copy(struct sonde_walk *walk,
					     const struct sonde_place *place, __u64 owner)
{
	__u64 id;

	sonde_start_walk(walk, place);
	/* A kernel event may come inside a function whose return is probed. */
	if (!place->entry)
		sonde_restore_returns();
	id = sonde_walk_frames(place->go_stack) & ~SONDE_PROVISIONAL;
	if (sonde_can_walk_again(walk, place))
		id = sonde_walk_frames(place->go_stack) & ~SONDE_PROVISIONAL;
	if (walk->owner != owner)
		return 0;
	if (walk->missing) {
		id = sonde_send_copy(walk, place);
		return walk->owner == owner ? id : 0;
	}
	if (bpf_map_lookup_elem(&sonde_stacks, &id) ||
	    sonde_store_walk(walk, id, place->go_stack, owner))
		return id;
	return 0;
}

/* Attempts at one stack: another thread may take the memory away again. */
#define SONDE_WALK_TRIES 3

/*
 * The id of the whole stack of C code at a place. Returns 0, counted as a failed read or as a lost
 * stack, where there is none to be had; the caller then falls back to what it knows. Kernels that
 * preempt programs of user probes let a thread of the same CPU in between, and only then is there
 * another attempt.
 */
static __always_inline __u64 sonde_whole_stack(const struct sonde_place *place)
{
	__u64 owner = bpf_get_current_pid_tgid(), id;
	struct sonde_walk *walk;
	int i, tries = place->entry ? SONDE_WALK_TRIES : 1;
	__u32 zero = 0;

	walk = bpf_map_lookup_elem(&sonde_walks, &zero);
	if (!walk)
		return 0;
#pragma clang loop unroll(disable)
	for (i = 0; i < tries; i++) {
		walk->owner = owner;
		if (!sonde_copy_stack(walk, place->regs->sp, place->hi)) {
			sonde_loss(SONDE_LOSS_READ_FAILED);
			return 0;
		}
		id = sonde_walk_copy(walk, place, owner);
		if (id)
			return id;
		if (walk->owner == owner)
			break;
	}
	sonde_loss(SONDE_LOSS_STACK_LOST);
	return 0;
}

#endif
