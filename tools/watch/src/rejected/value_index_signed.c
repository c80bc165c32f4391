/* An index with a sign, compared with the upper bound alone. */
SEC("uprobe")
int value_index_signed(struct pt_regs *ctx)
{
	__u64 key = bpf_get_current_pid_tgid();
	struct rejected_life *life = bpf_map_lookup_elem(&lives, &key);
	long slot = (long)bpf_ktime_get_ns() - (1L << 40);

	if (!life || slot >= 8)
		return 0;
	life->slots[slot] += 1;
	return 0;
}
