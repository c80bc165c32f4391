/* A mask that lets twice the length of the field through. */
SEC("uprobe")
int value_index_too_wide(struct pt_regs *ctx)
{
	__u64 key = bpf_get_current_pid_tgid();
	struct rejected_life *life = bpf_map_lookup_elem(&lives, &key);
	__u32 slot = bpf_get_prandom_u32() & 15;

	if (!life)
		return 0;
	life->slots[slot] += 1;
	return 0;
}
