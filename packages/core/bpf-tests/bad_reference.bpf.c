/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* A program that every verifier refuses: it neither submits nor discards what it reserved. */
#include "sonde_kernel.bpf.h"

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 16);
} ring SEC(".maps");

SEC("uprobe")
int bad_reference(struct pt_regs *ctx)
{
	__u64 *record = bpf_ringbuf_reserve(&ring, 8, 0);

	if (!record)
		return 0;
	*record = 1;
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
