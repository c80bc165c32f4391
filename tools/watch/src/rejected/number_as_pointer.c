/* What a map holds is a number, whatever it meant when it was stored. */
SEC("uprobe")
int number_as_pointer(struct pt_regs *ctx)
{
	__u64 key = bpf_get_current_pid_tgid();
	struct rejected_life *life = bpf_map_lookup_elem(&lives, &key);

	if (!life)
		return 0;
	return *(__u64 *)life->bytes > 3;
}
