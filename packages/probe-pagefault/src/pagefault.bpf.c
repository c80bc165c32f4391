// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
/*
 * pagefault: faults of the traced process in its own memory, seen in whichever way works here.
 *
 * What a reader would get wrong: handle_mm_fault runs again for a fault that could not be finished,
 * and it runs for other processes' memory too (ptrace, /proc/PID/mem). A repeat has
 * FAULT_FLAG_TRIED, or is the same address without FAULT_FLAG_VMA_LOCK right after one with it.
 */
#include "gen/pagefault.bpf.h"

/* Index of the only attach point. */
#define FAULT_POINT 0

/* include/linux/mm_types.h, enum fault_flag; equal in every kernel since 5.10. */
#define FAULT_FLAG_WRITE 0x1
#define FAULT_FLAG_TRIED 0x20
#define FAULT_FLAG_REMOTE 0x80
#define FAULT_FLAG_INSTRUCTION 0x100
#define FAULT_FLAG_VMA_LOCK 0x1000

/* arch/x86/include/asm/trap_pf.h, enum x86_pf_error_code. */
#define X86_PF_WRITE 0x2
#define X86_PF_INSTR 0x10

/* include/trace/events of x86: the record of exceptions/page_fault_user. */
struct page_fault_record {
	__u64 common;
	unsigned long address;
	unsigned long ip;
	unsigned long error_code;
};

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

#define ADD(counter, value) __sync_fetch_and_add(&(counter), (value))

static __always_inline struct pagefault_totals *the_totals(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&totals, &zero);
}

/* Adds one fault to a set of counters that starts with those of `stackTotals` and `totals`. */
#define COUNT_FAULT(set, access)                                                                   \
	do {                                                                                       \
		ADD((set)->faults, 1);                                                             \
		if ((access) == PAGEFAULT_ACCESS_READ)                                             \
			ADD((set)->reads, 1);                                                      \
		else if ((access) == PAGEFAULT_ACCESS_WRITE)                                       \
			ADD((set)->writes, 1);                                                     \
		else if ((access) == PAGEFAULT_ACCESS_INSTRUCTION)                                 \
			ADD((set)->instructions, 1);                                               \
	} while (0)

static __always_inline void remember_page(__u64 address, __u64 stack, __u32 access, __u64 now)
{
	__u64 page = address & ~((__u64)config.page_bytes - 1);
	struct pagefault_touch *touch = bpf_map_lookup_elem(&pages, &page);
	struct pagefault_totals *total = the_totals();
	struct pagefault_touch fresh = {
		.first_ns = now,
		.last_ns = now,
		.stack = stack,
		.faults = 1,
		.tid = sonde_tid(),
		.access = access,
	};

	if (touch) {
		ADD(touch->faults, 1);
		touch->last_ns = now;
		touch->stack = stack;
		touch->tid = fresh.tid;
		touch->access = access;
		return;
	}
	if (bpf_map_update_elem(&pages, &page, &fresh, BPF_ANY)) {
		sonde_loss(SONDE_LOSS_MAP_FULL);
		return;
	}
	if (total)
		ADD(total->pages, 1);
}

static __always_inline void count_fault(__u64 address, __u64 id, __u32 access)
{
	struct pagefault_stack_totals *stack = bpf_map_lookup_elem(&by_stack, &id);
	struct pagefault_stack_totals fresh = {};
	struct pagefault_totals *total = the_totals();
	__u64 now = bpf_ktime_get_ns();

	if (!stack) {
		fresh.first_ns = now;
		bpf_map_update_elem(&by_stack, &id, &fresh, BPF_NOEXIST);
		stack = bpf_map_lookup_elem(&by_stack, &id);
	}
	if (stack) {
		COUNT_FAULT(stack, access);
		stack->last_ns = now;
	} else {
		sonde_loss(SONDE_LOSS_MAP_FULL);
	}
	if (total)
		COUNT_FAULT(total, access);
	remember_page(address, id, access, now);
}

/* A fault of the target that is to be reported. */
static __always_inline int report(void *ctx, __u64 address, __u32 access)
{
	struct pagefault_fault *event;
	__u64 stack;

	/* Pages of the kernel's half, such as x86_64's vsyscall, are not the process's. */
	if (address >> 63)
		return 0;
	stack = pagefault_stack(ctx);
	if (config.mode == 1) {
		count_fault(address, stack, access);
		return 0;
	}
	event = pagefault_fault_reserve(stack);
	if (!event)
		return 0;
	event->address = address;
	event->access = access;
	pagefault_fault_submit(event);
	return 0;
}

/* Whether this call of handle_mm_fault repeats the thread's last one. */
static __always_inline bool is_repeat(__u64 address, __u32 flags)
{
	__u32 thread = (__u32)bpf_get_current_pid_tgid();
	__u64 *last, locked = flags & FAULT_FLAG_VMA_LOCK ? address : 0;
	bool repeated;

	if (flags & FAULT_FLAG_TRIED)
		return true;
	last = bpf_map_lookup_elem(&last_faults, &thread);
	if (!last) {
		if (locked)
			bpf_map_update_elem(&last_faults, &thread, &locked, BPF_ANY);
		return false;
	}
	repeated = !locked && *last == address;
	*last = locked;
	return repeated;
}

/* handle_mm_fault(vma, address, flags, …), called for the current task's memory or another's. */
static __always_inline int fault_handled(void *ctx, struct vm_area_struct *vma, __u64 address,
					 __u32 flags)
{
	struct task_struct *task = (struct task_struct *)bpf_get_current_task();
	struct pagefault_totals *total;
	__u32 access = PAGEFAULT_ACCESS_READ;

	sonde_hit_point(FAULT_POINT);
	total = the_totals();
	if (flags & FAULT_FLAG_REMOTE || BPF_CORE_READ(vma, vm_mm) != BPF_CORE_READ(task, mm)) {
		if (total)
			ADD(total->foreign, 1);
		return 0;
	}
	if (is_repeat(address, flags)) {
		if (total)
			ADD(total->retries, 1);
		return 0;
	}
	if (flags & FAULT_FLAG_INSTRUCTION)
		access = PAGEFAULT_ACCESS_INSTRUCTION;
	else if (flags & FAULT_FLAG_WRITE)
		access = PAGEFAULT_ACCESS_WRITE;
	return report(ctx, address, access);
}

SEC("fentry/handle_mm_fault")
int BPF_PROG(fault_fentry, struct vm_area_struct *vma, unsigned long address, unsigned int flags)
{
	if (!sonde_is_target())
		return 0;
	return fault_handled(ctx, vma, address, flags);
}

SEC("kprobe/handle_mm_fault")
int fault_kprobe(struct pt_regs *ctx)
{
	if (!sonde_is_target())
		return 0;
	return fault_handled(ctx, (struct vm_area_struct *)sonde_c_arg(ctx, 0), sonde_c_arg(ctx, 1),
			     sonde_c_arg(ctx, 2));
}

static __always_inline __u32 access_of_error(__u64 error_code)
{
	if (error_code & X86_PF_INSTR)
		return PAGEFAULT_ACCESS_INSTRUCTION;
	return error_code & X86_PF_WRITE ? PAGEFAULT_ACCESS_WRITE : PAGEFAULT_ACCESS_READ;
}

/* page_fault_user(address, regs, error_code), which only x86 has. */
SEC("raw_tp/page_fault_user")
int fault_raw_tracepoint(__u64 *ctx)
{
	if (!sonde_is_target())
		return 0;
	sonde_hit_point(FAULT_POINT);
	return report(ctx, ctx[0], access_of_error(ctx[2]));
}

SEC("tracepoint/exceptions/page_fault_user")
int fault_tracepoint(struct page_fault_record *ctx)
{
	if (!sonde_is_target())
		return 0;
	sonde_hit_point(FAULT_POINT);
	return report(ctx, ctx->address, access_of_error(ctx->error_code));
}

SEC("perf_event")
int fault_perf_event(struct perf_event_context *ctx)
{
	if (!sonde_is_target())
		return 0;
	sonde_hit_point(FAULT_POINT);
	return report(ctx, ctx->addr, PAGEFAULT_ACCESS_UNKNOWN);
}
