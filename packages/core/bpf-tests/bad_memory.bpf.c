/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * A program that every verifier refuses: it reads through a number. Its real logs lie in
 * src/fixtures/verifier-logs; the line numbers in them are this file's.
 */
#include "sonde_kernel.bpf.h"

SEC("uprobe")
int bad_memory(struct pt_regs *ctx)
{
	__u64 *place = (__u64 *)bpf_ktime_get_ns();

	return *place == 7;
}

char LICENSE[] SEC("license") = "GPL";
