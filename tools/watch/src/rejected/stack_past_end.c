/* An array on the stack is read behind the 512 bytes of the stack. */
SEC("uprobe")
int stack_past_end(struct pt_regs *ctx)
{
	char room[64];

	return bpf_probe_read_kernel(room, sizeof(room) + 600, ctx) != 0;
}
