/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * Steps along the frame pointers of Go code, and on beyond a callback from C. What a reader would
 * get wrong: every branch of a step leaves the loop that it stands in, and what has to be chosen is
 * chosen by masks. So a verifier's work grows with the number of frames and not with that of the
 * ways through them; verifiers forget what they have seen, and that of Linux 7 does so early.
 */
#ifndef SONDE_CHAIN_BPF_H
#define SONDE_CHAIN_BPF_H

/* One step of the hash; the multiplier is 2^64 divided by the golden ratio. */
static __always_inline __u64 sonde_mix(__u64 hash, __u64 pc)
{
	hash = (hash ^ pc) * 0x9E3779B97F4A7C15ULL;
	return hash ^ (hash >> 29);
}

/* Where a walk along frame pointers stands. */
struct sonde_chain {
	/* The next frame, and the bounds between which it has to lie: above the one before it. */
	__u64 fp;
	__u64 lo;
	__u64 hi;
	/* All ones once the chain went on beyond a callback from C. */
	__u64 crossed;
};

/* A frame, and below it the word in which a goroutine that left for C has kept its PC. */
struct sonde_frame {
	__u64 below;
	__u64 fp;
	__u64 pc;
};

enum sonde_step { SONDE_STEP_FRAME, SONDE_STEP_END, SONDE_STEP_OUTSIDE, SONDE_STEP_FAILED };

/* All ones if a < b, else 0: the borrow of a - b, without a branch. */
static __always_inline __u64 sonde_below(__u64 a, __u64 b)
{
	__u64 mask = (__u64)((__s64)((~a & b) | ((~a | b) & (a - b))) >> 63);

	/* Otherwise clang makes the branch again. */
	asm volatile("" : "+r"(mask));
	return mask;
}

static __always_inline void sonde_start_chain(struct sonde_chain *chain, __u64 fp, __u64 lo,
					      __u64 hi)
{
	chain->fp = fp;
	chain->lo = lo;
	/* Nothing lies beyond a callback that was not seen. */
	chain->hi = lo + ((hi - lo) & sonde_below(fp - lo, hi - lo));
	chain->crossed = 0;
}

/*
 * Reads a frame; false where it cannot be. The word below it is a neighbour since Go 1.21; before,
 * it costs a second read. The verifier knows which of the two it is.
 */
static __always_inline bool sonde_read_frame(struct sonde_frame *frame, __u64 fp)
{
	if (bpf_probe_read_user(frame, sizeof(*frame), (void *)(fp - sizeof(__u64))))
		return false;
#if defined(__TARGET_ARCH_x86)
	__u32 distance = SONDE_TARGET->callback_frame - SONDE_TARGET->callback_pc;

	/* Zeros where it fails, and no branch. */
	if (distance > sizeof(__u64))
		bpf_probe_read_user(&frame->below, sizeof(__u64), (void *)(fp - distance));
#endif
	frame->pc = sonde_code_address(frame->pc);
	return true;
}

/*
 * Whether a frame that was found beyond a callback is what it should be: the PC with which the
 * goroutine left is there, one of a function that nothing else returns to.
 */
static __always_inline __u64 sonde_left_for_c(const struct sonde_frame *frame)
{
#if defined(__TARGET_ARCH_x86)
	__u64 pc = frame->below;
#else
	__u64 pc = frame->pc;
#endif
	return sonde_below(pc - SONDE_TARGET->switch_start,
			   SONDE_TARGET->switch_end - SONDE_TARGET->switch_start);
}

/*
 * One step. The chain of a goroutine that called into C, which called back into Go, leads from the
 * callback's last frame to the system stack. It goes on above that frame, at a place that is known
 * for each program, and is believed only if the goroutine left for C there.
 */
static __always_inline enum sonde_step sonde_step(struct sonde_chain *chain,
						  struct sonde_frame *frame)
{
	__u64 fp = chain->fp, outer = chain->lo - 1 + SONDE_TARGET->callback_frame;
	__u64 length = chain->hi - chain->lo, inside;

	if (!fp)
		return SONDE_STEP_END;
	inside = sonde_below(fp - chain->lo, length);
	fp = outer ^ ((outer ^ fp) & inside);
	if (fp - chain->lo >= length)
		return SONDE_STEP_OUTSIDE;
	if (!sonde_read_frame(frame, fp))
		return SONDE_STEP_FAILED;
	if (!(inside | sonde_left_for_c(frame)))
		return SONDE_STEP_OUTSIDE;
	if (!frame->pc)
		return SONDE_STEP_END;
	/* Stacks grow down: a caller's frame lies above its callee's. */
	chain->lo = fp + 1;
	chain->fp = frame->fp;
	chain->crossed |= ~inside;
	return SONDE_STEP_FRAME;
}

#endif
