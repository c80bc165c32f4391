// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
/*
 * Fills a ring buffer with records of a chosen size, so that readers can be compared on the same
 * bytes. Run through BPF_PROG_TEST_RUN; nothing is attached. Records carry Sonde's 16-byte header,
 * so that one ring serves libbpf's reader and ours.
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
enum { BPF_MAP_TYPE_RINGBUF = 27, BPF_MAP_TYPE_ARRAY = 2 };
#include <bpf/bpf_helpers.h>

char LICENSE[] SEC("license") = "GPL";

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 64 << 20);
} ring SEC(".maps");

struct header {
	__u16 event;
	__u16 flags;
	__u32 size;
	__u64 ktime_ns;
};

struct small {
	struct header header;
	__u64 address;
	__u32 bytes;
	__u32 stack;
};

struct wide {
	struct header header;
	__u64 address;
	__u64 bytes;
	__u64 stack;
	__u64 caller;
	__u32 tid;
	__u32 kind;
	__u64 goid;
};

struct request {
	__u32 count;
	__u32 wide;
	__u64 produced;
};

struct loop {
	struct request *request;
	__u64 produced;
};

static long one_small(__u32 i, void *context)
{
	struct loop *loop = context;
	struct small *record = bpf_ringbuf_reserve(&ring, sizeof(*record), 0);

	if (!record)
		return 1;
	record->header = (struct header){ .event = 0, .size = sizeof(*record), .ktime_ns = i };
	record->address = 0x10000ull + i * 64ull;
	record->bytes = i & 0xffff;
	record->stack = i & 0xff;
	bpf_ringbuf_submit(record, 1 /* BPF_RB_NO_WAKEUP */);
	loop->produced++;
	return 0;
}

static long one_wide(__u32 i, void *context)
{
	struct loop *loop = context;
	struct wide *record = bpf_ringbuf_reserve(&ring, sizeof(*record), 0);

	if (!record)
		return 1;
	record->header = (struct header){ .event = 1, .size = sizeof(*record), .ktime_ns = i };
	record->address = 0x10000ull + i * 64ull;
	record->bytes = i & 0xffff;
	record->stack = i & 0xff;
	record->caller = 0x400000 + (i & 0xfff);
	record->tid = i & 7;
	record->kind = i & 3;
	record->goid = i & 1023;
	bpf_ringbuf_submit(record, 1 /* BPF_RB_NO_WAKEUP */);
	loop->produced++;
	return 0;
}

SEC("syscall")
int produce(struct request *request)
{
	struct loop loop = { .request = request };
	__u32 count = request->count;

	if (request->wide)
		bpf_loop(count, one_wide, &loop, 0);
	else
		bpf_loop(count, one_small, &loop, 0);
	request->produced = loop.produced;
	return 0;
}
