/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * The probe of core's own tests: counts and reports calls of work() in a small C program. It is
 * written by hand where a real probe's header is generated, so that core's tests need no codegen.
 * What a reader would get wrong: FIXTURE_HASH comes from the test's schema, by the command line.
 */
#include "gen/sonde_types.bpf.h"

struct fixture_config {
	__u8 schema_hash[16];
	struct sonde_target target;
	__u64 min_argument;
	__u32 max_calls;
	__u32 mode;
};

const volatile struct fixture_config config SEC(".rodata.sonde") = {
	.schema_hash = { FIXTURE_HASH },
	.max_calls = 64,
};

#define SONDE_TARGET (&config.target)
#include "sonde.bpf.h"

struct fixture_call {
	struct sonde_header header;
	__u64 argument;
	__u32 site;
	__u32 point;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__type(key, __u64);
	__type(value, __u64);
} calls_by_argument SEC(".maps");

static __always_inline int report(__u32 site, __u64 argument)
{
	struct fixture_call *call;
	__u64 one = 1, *known;

	if (!sonde_is_target())
		return 0;
	sonde_hit(site);
	known = bpf_map_lookup_elem(&calls_by_argument, &argument);
	if (known)
		__sync_fetch_and_add(known, 1);
	else if (bpf_map_update_elem(&calls_by_argument, &argument, &one, BPF_ANY))
		sonde_loss(SONDE_LOSS_MAP_FULL);
	if (config.mode || argument < config.min_argument)
		return 0;
	call = bpf_ringbuf_reserve(&sonde_ring, sizeof(*call), 0);
	if (!call) {
		sonde_loss(SONDE_LOSS_RING_FULL);
		return 0;
	}
	call->header.event = config.target.event_base;
	call->header.flags = 0;
	call->header.size = sizeof(*call);
	call->header.ktime_ns = bpf_ktime_get_ns();
	call->argument = argument;
	call->site = site;
	call->point = sonde_point_of(site);
	bpf_ringbuf_submit(call, sonde_wakeup_flags());
	return 0;
}

SEC("uprobe")
int on_call(struct pt_regs *ctx)
{
	return report(sonde_site(ctx), sonde_c_arg_0(ctx));
}

SEC("uprobe")
int on_return(struct pt_regs *ctx)
{
	/* At a return the instruction pointer is the caller's; the site is found by its point. */
	__u32 site = config.target.has_cookie ? sonde_site(ctx) : sonde_site_of(1);

	return report(site, sonde_c_result(ctx));
}

SEC("kprobe/sonde_no_such_function")
int on_kernel(struct pt_regs *ctx)
{
	return 0;
}

SEC("perf_event")
int on_fault(void *ctx)
{
	if (sonde_is_target())
		sonde_hit_point(2);
	return 0;
}
