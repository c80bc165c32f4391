/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* A program that every verifier refuses: it uses a map's value unasked. */
#include "sonde_kernel.bpf.h"

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 8);
	__type(key, __u64);
	__type(value, __u64);
} table SEC(".maps");

SEC("uprobe")
int bad_null(struct pt_regs *ctx)
{
	__u64 key = bpf_get_current_pid_tgid();
	__u64 *value = bpf_map_lookup_elem(&table, &key);

	return *value > 3;
}

char LICENSE[] SEC("license") = "GPL";
