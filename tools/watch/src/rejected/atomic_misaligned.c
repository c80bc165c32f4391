/* An atomic addition to a place that is not aligned. */
SEC("uprobe")
int atomic_misaligned(struct pt_regs *ctx)
{
	__u64 key = bpf_get_current_pid_tgid();
	struct rejected_life *life = bpf_map_lookup_elem(&lives, &key);

	if (!life)
		return 0;
	__sync_fetch_and_add((__u64 *)((char *)life + 4), 1);
	return 0;
}
