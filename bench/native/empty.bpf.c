// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
/*
 * The floor under every user probe: a program that does nothing. What it costs is the trap; what a
 * real probe costs above it is the probe's own.
 */
typedef unsigned short __u16;
typedef unsigned int __u32;
typedef unsigned long long __u64;
typedef int __s32;
typedef long long __s64;
typedef unsigned char __u8;
typedef __u16 __be16;
typedef __u32 __be32;
typedef __u32 __wsum;
enum { BPF_MAP_TYPE_RINGBUF = 27 };
#include <bpf/bpf_helpers.h>

char LICENSE[] SEC("license") = "GPL";

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 16);
} ring SEC(".maps");

SEC("uprobe")
int on_nothing(void *context)
{
	(void)context;
	return 0;
}

SEC("uretprobe")
int on_nothing_return(void *context)
{
	(void)context;
	return 0;
}

/* One record a hit, for the time from start to first event. */
SEC("uprobe")
int on_first(void *context)
{
	__u64 *record = bpf_ringbuf_reserve(&ring, sizeof(*record), 0);

	(void)context;
	if (!record)
		return 0;
	*record = bpf_ktime_get_ns();
	bpf_ringbuf_submit(record, 0);
	return 0;
}
