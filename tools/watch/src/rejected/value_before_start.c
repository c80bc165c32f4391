/* A negative place in a map value. */
SEC("uprobe")
int value_before_start(struct pt_regs *ctx)
{
	__u64 key = bpf_get_current_pid_tgid();
	struct rejected_life *life = bpf_map_lookup_elem(&lives, &key);

	if (!life)
		return 0;
	return *((__u64 *)life - 1) > 3;
}
