/* An array on the stack, indexed by anything. */
SEC("uprobe")
int stack_index_unbounded(struct pt_regs *ctx)
{
	volatile __u64 room[8] = {};
	__u32 slot = bpf_get_prandom_u32();

	room[slot] = 1;
	return room[3] == 1;
}
