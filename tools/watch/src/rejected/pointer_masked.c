/* A pointer is aligned by a mask. */
SEC("uprobe")
int pointer_masked(struct pt_regs *ctx)
{
	__u64 key = bpf_get_current_pid_tgid();
	struct rejected_life *life = bpf_map_lookup_elem(&lives, &key);
	__u64 place = (__u64)life;

	if (!life)
		return 0;
	asm volatile("%0 &= -16" : "+r"(place));
	return *(__u64 *)place > 3;
}
