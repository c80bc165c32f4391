/* A helper is given a length that may be 0. */
SEC("uprobe")
int length_zero(struct pt_regs *ctx)
{
	char room[16] = {};
	__u32 length = bpf_get_prandom_u32() & 15;

	return bpf_get_current_comm(room, length) > 0;
}
