/* A variable-sized copy onto the stack without an upper bound. */
SEC("uprobe")
int stack_too_large(struct pt_regs *ctx)
{
	char room[64];
	__u32 length = bpf_get_prandom_u32();

	return bpf_probe_read_user(room, length, (void *)1) != 0;
}
