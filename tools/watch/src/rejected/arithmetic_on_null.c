/* A pointer that may be null is moved before it is compared. */
SEC("uprobe")
int arithmetic_on_null(struct pt_regs *ctx)
{
	__u64 key = bpf_get_current_pid_tgid();
	struct rejected_life *life = bpf_map_lookup_elem(&lives, &key);
	__u64 *slot = (__u64 *)((char *)life + (bpf_get_prandom_u32() & 7) * 8);

	return *slot > 3;
}
