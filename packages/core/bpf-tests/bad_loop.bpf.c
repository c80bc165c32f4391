/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* A program that every verifier refuses: its loop has no end that the verifier can see. */
#include "sonde_kernel.bpf.h"

SEC("uprobe")
int bad_loop(struct pt_regs *ctx)
{
	__u64 rounds = 0;

	while (bpf_get_prandom_u32() != 1)
		rounds++;
	return rounds > 3;
}

char LICENSE[] SEC("license") = "GPL";
