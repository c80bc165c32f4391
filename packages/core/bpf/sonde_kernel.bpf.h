/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * What BPF code must know about the kernel, without vmlinux.h: integer types, constants of the
 * uapi, and the few kernel structs that are read. What a reader would get wrong: the structs here
 * list only the fields that are used, in any order; libbpf moves every access to the running
 * kernel's offsets (CO-RE). Registers are the exception: their layout is the kernel's ABI.
 */
#ifndef SONDE_KERNEL_BPF_H
#define SONDE_KERNEL_BPF_H

typedef unsigned char __u8;
typedef unsigned short __u16;
typedef unsigned int __u32;
typedef unsigned long long __u64;
typedef signed char __s8;
typedef short __s16;
typedef int __s32;
typedef long long __s64;
typedef __u16 __be16;
typedef __u32 __be32;
typedef __u64 __be64;
typedef __u16 __sum16;
typedef __u32 __wsum;
typedef _Bool bool;

#define true 1
#define false 0
#define NULL ((void *)0)

/* Tells libbpf's bpf_tracing.h to use the kernel's own register names. */
#define __VMLINUX_H__ 1

/* include/uapi/linux/bpf.h: enum bpf_map_type. */
enum bpf_map_type {
	BPF_MAP_TYPE_HASH = 1,
	BPF_MAP_TYPE_ARRAY = 2,
	BPF_MAP_TYPE_PROG_ARRAY = 3,
	BPF_MAP_TYPE_PERCPU_HASH = 5,
	BPF_MAP_TYPE_PERCPU_ARRAY = 6,
	BPF_MAP_TYPE_STACK_TRACE = 7,
	BPF_MAP_TYPE_LRU_HASH = 9,
	BPF_MAP_TYPE_LRU_PERCPU_HASH = 10,
	BPF_MAP_TYPE_RINGBUF = 27,
};

/* include/uapi/linux/bpf.h: flags of bpf_map_update_elem, the ring buffer and bpf_get_stack. */
#define BPF_ANY 0ULL
#define BPF_NOEXIST 1ULL
#define BPF_EXIST 2ULL
#define BPF_RB_NO_WAKEUP (1ULL << 0)
#define BPF_RB_FORCE_WAKEUP (1ULL << 1)
#define BPF_RB_AVAIL_DATA 0ULL
#define BPF_F_USER_STACK (1ULL << 8)
#define BPF_F_MMAPABLE (1U << 10)

/* include/uapi/asm-generic/errno-base.h. */
#define SONDE_ENOMEM 12
#define SONDE_EEXIST 17

/* The registers that a program gets as its context: arch/<arch>/include/asm/ptrace.h. */
#if defined(__TARGET_ARCH_x86)
struct pt_regs {
	unsigned long r15, r14, r13, r12, bp, bx, r11, r10, r9, r8;
	unsigned long ax, cx, dx, si, di, orig_ax, ip, cs, flags, sp, ss;
};
#elif defined(__TARGET_ARCH_arm64)
struct user_pt_regs {
	__u64 regs[31];
	__u64 sp;
	__u64 pc;
	__u64 pstate;
};
struct pt_regs {
	struct user_pt_regs user_regs;
};
#else
#error "compile with -D__TARGET_ARCH_x86 or -D__TARGET_ARCH_arm64"
#endif

/* include/uapi/linux/bpf.h: what bpf_get_ns_current_pid_tgid fills. */
struct bpf_pidns_info {
	__u32 pid;
	__u32 tgid;
};

#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_tracing.h>

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

#if defined(__TARGET_ARCH_x86)
/* arch/x86/include/asm/processor.h: the base of fs, which user space uses for thread locals. */
struct thread_struct {
	unsigned long fsbase;
};
#else
/* arch/arm64/include/asm/processor.h: TPIDR_EL0 as saved when the thread last left a CPU. */
struct thread_struct {
	struct {
		unsigned long tp_value;
	} uw;
};
#endif

struct mm_struct {
	unsigned long start_brk;
	unsigned long start_stack;
};

struct task_struct {
	void *stack;
	struct mm_struct *mm;
	struct thread_struct thread;
	int pid;
	unsigned int __state;
};

/* Before Linux 5.14. */
struct task_struct___state {
	volatile long state;
};

struct vm_area_struct {
	struct mm_struct *vm_mm;
};

#pragma clang attribute pop

/* Numbers of helpers that newer kernels have; only asked about, never stored (CO-RE by name). */
enum bpf_func_id___sonde {
	BPF_FUNC_task_pt_regs___sonde = 175,
};

#endif
