/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * The Go side of a thread: which goroutine runs, and where the frames of the Go code lie that
 * called into C. What a reader would get wrong: while C code runs, the g in thread-local storage is
 * m.g0, never the goroutine. The goroutine is m.curg, and its saved frame pointer means something
 * only while m.ncgo > 0: a C thread that once called into Go keeps an old one.
 * Offsets of g and m come from the tables for the target's Go release, through SONDE_TARGET.
 */
#ifndef SONDE_GO_BPF_H
#define SONDE_GO_BPF_H

/* Stack pointer, frame pointer and return register of user code, whatever the architecture. */
struct sonde_regs {
	__u64 ip;
	__u64 sp;
	__u64 fp;
	/* arm64's x30; 0 on x86_64, where the return address lies on the stack. */
	__u64 lr;
};

/* The most bytes of a runtime struct that one read takes; what lies above costs another read. */
#define SONDE_NEAR_BYTES 160

/*
 * What is remembered of a thread that runs C code for a goroutine. As long as it is the same call
 * into C, the goroutine waits and its frames cannot change, so they are walked once.
 */
struct sonde_thread {
	/* The g in thread-local storage, which is m.g0, and its m. */
	__u64 g;
	__u64 m;
	/* m.ncgocall and m.ncgo together name one call into C, also among nested ones. */
	__u64 calls;
	__u64 depth;
	__u64 goid;
	/* Frame pointer and stack bounds that the goroutine left behind when it went into C. */
	__u64 fp;
	__u64 stack_lo;
	__u64 stack_hi;
	/* Hash of its frames, and the id under which they are kept. */
	__u64 frames_hash;
	__u64 go_stack;
	/* Where the C stack of this call began: m.g0.sched.sp. */
	__u64 c_stack_hi;
	/*
	 * What was last read of m and g: here and not on the stack of the program, which has 512
	 * bytes for all. Apart, because a kernel event may come between: it reads the same again.
	 */
	char near_m[SONDE_NEAR_BYTES];
	char near_g[SONDE_NEAR_BYTES];
};

/* Kernel thread id → what is known of that thread; the least recently seen one is forgotten. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, __u32);
	__type(value, struct sonde_thread);
} sonde_threads SEC(".maps");

/* Reads 8 bytes of the target; 0 on failure, which every caller must take for "unknown". */
static __always_inline __u64 sonde_user_word(__u64 address)
{
	__u64 word = 0;

	if (bpf_probe_read_user(&word, sizeof(word), (void *)address))
		return 0;
	return word;
}

/* Strips what pointer authentication adds above the address bits of arm64. */
static __always_inline __u64 sonde_code_address(__u64 address)
{
#if defined(__TARGET_ARCH_arm64)
	return address & ((1ULL << 48) - 1);
#else
	return address;
#endif
}

/* The registers of a user probe. */
static __always_inline void sonde_regs_of(const struct pt_regs *ctx, struct sonde_regs *regs)
{
#if defined(__TARGET_ARCH_x86)
	regs->ip = ctx->ip;
	regs->sp = ctx->sp;
	regs->fp = ctx->bp;
	regs->lr = 0;
#else
	const struct user_pt_regs *user = (const struct user_pt_regs *)ctx;

	regs->ip = user->pc;
	regs->sp = user->sp;
	regs->fp = user->regs[29];
	regs->lr = user->regs[30];
#endif
}

/*
 * The registers that the kernel keeps at an address of its own; not 0 on failure. All of arm64's
 * would fill two thirds of a BPF program's stack.
 */
static __always_inline long sonde_read_regs(__u64 address, struct sonde_regs *regs)
{
#if defined(__TARGET_ARCH_x86)
	const struct pt_regs *user = (const struct pt_regs *)address;
	/* ip, cs, flags, sp: arch/x86/include/asm/ptrace.h. */
	__u64 last[4] = {}, fp = 0;
	long error = bpf_probe_read_kernel(last, sizeof(last), &user->ip);

	error |= bpf_probe_read_kernel(&fp, sizeof(fp), &user->bp);
	*regs = (struct sonde_regs){ .ip = last[0], .sp = last[3], .fp = fp };
#else
	/* x29, x30, sp, pc: struct user_pt_regs is part of the kernel's user interface. */
	__u64 user[4] = {};
	long error = bpf_probe_read_kernel(user, sizeof(user), (void *)(address + 29 * 8));

	*regs = (struct sonde_regs){
		.fp = user[0], .lr = user[1], .sp = user[2], .ip = user[3]
	};
#endif
	return error;
}

/* Where the current function returns to, at its first or its last instruction. */
static __always_inline __u64 sonde_caller(const struct sonde_regs *regs)
{
#if defined(__TARGET_ARCH_x86)
	return sonde_user_word(regs->sp);
#else
	return sonde_code_address(regs->lr);
#endif
}

/* g from thread-local storage, in Go and in C code; 0 for a thread that never ran Go code. */
static __always_inline __u64 sonde_g_of_thread(void)
{
	struct task_struct *task = (struct task_struct *)bpf_get_current_task();
	__u64 base;

	if (!SONDE_TARGET->has_tls_g)
		return 0;
#if defined(__TARGET_ARCH_x86)
	base = BPF_CORE_READ(task, thread.fsbase);
#else
	base = BPF_CORE_READ(task, thread.uw.tp_value);
#endif
	return base ? sonde_user_word(base + SONDE_TARGET->tls_g_offset) : 0;
}

/* g at a probe inside Go code. */
static __always_inline __u64 sonde_g_of_code(const struct pt_regs *ctx)
{
#if defined(__TARGET_ARCH_x86)
	if (SONDE_TARGET->go_abi)
		return ctx->r14;
	return sonde_g_of_thread();
#else
	return ((const struct user_pt_regs *)ctx)->regs[28];
#endif
}

/* The goroutine of a thread whose g is `g`: that itself, or the one that waits for its g0. */
static __always_inline __u64 sonde_goroutine(__u64 g)
{
	__u64 m, curg;

	if (!g || sonde_user_word(g + SONDE_TARGET->g_goid))
		return g;
	/* g0 has number 0: the goroutine waits in m.curg. */
	m = sonde_user_word(g + SONDE_TARGET->g_m);
	curg = m ? sonde_user_word(m + SONDE_TARGET->m_curg) : 0;
	return curg;
}

/* The goroutine's number at a probe inside Go code, also while its system stack is in use. */
static __always_inline __u64 sonde_goid(const struct pt_regs *ctx)
{
	__u64 g = sonde_goroutine(sonde_g_of_code(ctx));

	return g ? sonde_user_word(g + SONDE_TARGET->g_goid) : 0;
}

/* The 8 bytes at `base` + `offset`, of which the first SONDE_NEAR_BYTES were read into `near`. */
static __always_inline __u64 sonde_field(const char *near, __u64 base, __u32 offset)
{
	if (offset <= SONDE_NEAR_BYTES - sizeof(__u64))
		return *(const __u64 *)(near + offset);
	return sonde_user_word(base + offset);
}

#endif
