/* A pointer is not a number to calculate with. */
SEC("uprobe")
int pointer_multiplied(struct pt_regs *ctx)
{
	__u64 key = bpf_get_current_pid_tgid();
	struct rejected_life *life = bpf_map_lookup_elem(&lives, &key);
	__u64 place = (__u64)life;

	if (!life)
		return 0;
	asm volatile("%0 *= 3" : "+r"(place));
	return *(__u64 *)place > 3;
}
