/* A length with a sign may be negative. */
SEC("uprobe")
int stack_length_negative(struct pt_regs *ctx)
{
	char room[64];
	int length = (int)bpf_get_prandom_u32();

	if (length > 64)
		return 0;
	return bpf_probe_read_user(room, length, (void *)1) != 0;
}
