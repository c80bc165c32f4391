/* The result of a lookup is used before it is compared with null. */
SEC("uprobe")
int map_value_unchecked(struct pt_regs *ctx)
{
	__u64 key = bpf_get_current_pid_tgid();
	struct rejected_life *life = bpf_map_lookup_elem(&lives, &key);

	life->births += 1;
	return 0;
}
