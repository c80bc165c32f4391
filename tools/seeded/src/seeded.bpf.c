// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
/*
 * One sound program and four that are each broken in one way; the report has to tell which.
 *
 * What a reader would get wrong: the faults are the point. Mend none of them.
 */
#include "gen/seeded.bpf.h"

/* include/uapi/linux/bpf_perf_event.h, behind the registers. */
struct perf_event_context {
#if defined(__TARGET_ARCH_x86)
	struct pt_regs regs;
#else
	struct user_pt_regs regs;
#endif
	__u64 sample_period;
	__u64 addr;
};

/* How often the verifier walks a loop of `sound`; a test raises it to see the budget fail. */
#define ROUNDS 1

/* Sends one event of a kind. */
#define SEND(kind, where)                                                                          \
	do {                                                                                       \
		struct seeded_##kind *record = seeded_##kind##_reserve();                          \
		if (!record)                                                                       \
			return 0;                                                                  \
		record->address = (where);                                                         \
		record->tid = sonde_tid();                                                         \
		seeded_##kind##_submit(record);                                                    \
	} while (0)

SEC("perf_event")
int sound(struct perf_event_context *ctx)
{
	if (!sonde_is_target())
		return 0;
	sonde_hit_point(0);
	for (__u32 round = 0; round < ROUNDS; round++)
		asm volatile("" : "+r"(round));
	SEND(sound, ctx->addr);
	return 0;
}

/* Fault 1: the address is read one field too early. */
SEC("perf_event")
int misread(struct perf_event_context *ctx)
{
	if (!sonde_is_target())
		return 0;
	sonde_hit_point(1);
	SEND(misread, ctx->sample_period);
	return 0;
}

/* Fault 2: the schema attaches this to a function that no kernel has. */
SEC("kprobe")
int absent(struct pt_regs *ctx)
{
	if (!sonde_is_target())
		return 0;
	sonde_hit_point(2);
	SEND(absent, 0);
	return 0;
}

/*
 * Fault 3: before Linux 6.8 the verifier compares a register with a constant only, so that it does
 * not know that 0..7 is never more than 16..23, and walks into the loop, where each round leaves a
 * branch to come back to: more than it keeps (kernel/bpf/verifier.c, BPF_COMPLEXITY_LIMIT_JMP_SEQ).
 */
SEC("kprobe")
int over(struct pt_regs *ctx)
{
	__u64 small = bpf_get_prandom_u32();
	__u64 large = bpf_get_prandom_u32();

	if (!sonde_is_target())
		return 0;
	sonde_hit_point(3);
	/* In assembly, so that the compiler, which knows it too, does not leave it out. */
	asm volatile("%0 &= 7" : "+r"(small));
	asm volatile("%0 &= 7\n%0 += 16" : "+r"(large));
	if (small > large) {
		for (__u32 round = 0; round < 10000; round++) {
			__u64 coin = bpf_get_prandom_u32();

			asm volatile("if %0 > 5 goto +1\n%0 += 1" : "+r"(coin));
			small += coin;
		}
	}
	SEND(over, small > 7 ? 0 : PT_REGS_PARM2(ctx));
	return 0;
}

/* Fault 4: nothing is ever sent. */
SEC("perf_event")
int silent(struct perf_event_context *ctx)
{
	if (!sonde_is_target())
		return 0;
	sonde_hit_point(4);
	return 0;
}
