/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * A system call at its end, from the registers that the tracepoint sys_exit brings: number and
 * arguments are all still there, so that a probe needs no second program at the entry. What a
 * reader would get wrong: the result overwrites a register, and arm64 keeps the first argument,
 * which it takes the place of, elsewhere. Arguments are as the caller gave them.
 */
#ifndef SONDE_SYSCALL_BPF_H
#define SONDE_SYSCALL_BPF_H

/* arch/x86/entry/syscalls/syscall_64.tbl; include/uapi/asm-generic/unistd.h. */
#if defined(__TARGET_ARCH_x86)
#define SONDE_NR_MMAP 9
#define SONDE_NR_MUNMAP 11
#define SONDE_NR_BRK 12
#define SONDE_NR_MREMAP 25
#define SONDE_NR_MADVISE 28
#else
#define SONDE_NR_BRK 214
#define SONDE_NR_MUNMAP 215
#define SONDE_NR_MREMAP 216
#define SONDE_NR_MMAP 222
#define SONDE_NR_MADVISE 233
#endif

/* include/linux/err.h: a result of these, seen as unsigned, is a negative error number. */
#define SONDE_IS_ERROR(result) ((__u64)(result) >= (__u64)-4095)

#if !defined(__TARGET_ARCH_x86)
#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

/* What the kernel keeps behind the registers; -1 is no system call. */
struct pt_regs___call {
	__u64 orig_x0;
	__s32 syscallno;
};

#pragma clang attribute pop
#endif

/* The first five arguments, the number and the result of a system call. */
struct sonde_syscall {
	__u64 arg[5];
	__u64 result;
	__u32 number;
};

/*
 * Reads what a program at the raw tracepoint sys_exit got: `ctx[0]` are the registers, `ctx[1]` is
 * the result. False, counted as a failed read, where they cannot be read.
 */
static __always_inline bool sonde_syscall_at_exit(const __u64 *ctx, struct sonde_syscall *call)
{
#if defined(__TARGET_ARCH_x86)
	struct pt_regs regs = {};
	long error = bpf_probe_read_kernel(&regs, sizeof(regs), (void *)ctx[0]);

	*call = (struct sonde_syscall){
		.arg = { regs.di, regs.si, regs.dx, regs.r10, regs.r8 },
		.result = ctx[1],
		.number = regs.orig_ax,
	};
#else
	/* arch/arm64/include/asm/ptrace.h: x0 to x4, then what the kernel keeps of the call itself. */
	struct pt_regs___call *kept = (void *)ctx[0];
	__u64 regs[5] = {};
	long error = bpf_probe_read_kernel(regs, sizeof(regs), (void *)ctx[0]);

	/* Not x8, which rt_sigreturn has put back: where a signal arrived, no system call began. */
	*call = (struct sonde_syscall){
		.arg = { BPF_CORE_READ(kept, orig_x0), regs[1], regs[2], regs[3], regs[4] },
		.result = ctx[1],
		.number = BPF_CORE_READ(kept, syscallno),
	};
#endif
	if (error)
		sonde_loss(SONDE_LOSS_READ_FAILED);
	return !error;
}

/* include/uapi/asm-generic/mman-common.h. */
#define SONDE_MADV_DONTNEED 4
#define SONDE_PROT_ALL 7

/*
 * Which call of the address space this is; -1 for any other, for other advice than to give pages
 * back, and for brk(0), which only asks.
 */
static __always_inline int sonde_mapping_call_of(const struct sonde_syscall *call)
{
	switch (call->number) {
	case SONDE_NR_MMAP:
		return SONDE_MAPPING_MMAP;
	case SONDE_NR_MUNMAP:
		return SONDE_MAPPING_MUNMAP;
	case SONDE_NR_MREMAP:
		return SONDE_MAPPING_MREMAP;
	case SONDE_NR_BRK:
		return call->arg[0] ? SONDE_MAPPING_BRK : -1;
	case SONDE_NR_MADVISE:
		return call->arg[2] == SONDE_MADV_DONTNEED ? SONDE_MAPPING_DONTNEED : -1;
	}
	return -1;
}

/*
 * The error number of such a call, negative, or 0. brk() fails without one: it returns the end of
 * the heap that there is, and whoever asked for another one was refused.
 */
static __always_inline __s32 sonde_mapping_error(int which, const struct sonde_syscall *call)
{
	if (which == SONDE_MAPPING_BRK)
		return call->result == call->arg[0] ? 0 : -SONDE_ENOMEM;
	return SONDE_IS_ERROR(call->result) ? (__s32)call->result : 0;
}

/* What a call has done to the address space. A failed one that returns an address has none. */
struct sonde_mapping {
	__u64 address;
	__u64 bytes;
	/* mremap: where the range was, and how large. */
	__u64 old_address;
	__u64 old_bytes;
	/* 0, or the error number, negative. */
	__s32 error;
	/* Of `enum sonde_mapping_call`. */
	__u8 call;
	/* mmap: PROT_READ 1, PROT_WRITE 2, PROT_EXEC 4. */
	__u8 protection;
};

/* The arguments and the result of each call, by what they mean. */
static __always_inline void sonde_describe_mapping(struct sonde_mapping *mapping,
						   const struct sonde_syscall *call)
{
	struct task_struct *task = (struct task_struct *)bpf_get_current_task();
	__u64 result = mapping->error ? 0 : call->result;

	mapping->address = call->arg[0];
	mapping->bytes = call->arg[1];
	switch (mapping->call) {
	case SONDE_MAPPING_MMAP:
		mapping->address = result;
		mapping->protection = call->arg[2] & SONDE_PROT_ALL;
		break;
	case SONDE_MAPPING_MREMAP:
		mapping->address = result;
		mapping->bytes = call->arg[2];
		mapping->old_address = call->arg[0];
		mapping->old_bytes = call->arg[1];
		break;
	case SONDE_MAPPING_BRK:
		mapping->address = BPF_CORE_READ(task, mm, start_brk);
		mapping->bytes = call->result - mapping->address;
		break;
	}
}

/*
 * What the system call has done that ends at this raw tracepoint sys_exit; false for one that does
 * nothing to the address space.
 */
static __always_inline bool sonde_mapping_at_exit(const __u64 *ctx, struct sonde_mapping *mapping)
{
	struct sonde_syscall call;
	int which;

	if (!sonde_syscall_at_exit(ctx, &call))
		return false;
	which = sonde_mapping_call_of(&call);
	if (which < 0)
		return false;
	*mapping = (struct sonde_mapping){
		.call = which,
		.error = sonde_mapping_error(which, &call),
	};
	sonde_describe_mapping(mapping, &call);
	return true;
}

#endif
