/* A helper of packet programs. */
SEC("uprobe")
int helper_of_another_type(struct pt_regs *ctx)
{
	char room[8] = {};

	return bpf_skb_load_bytes(ctx, 0, room, sizeof(room)) == 0;
}
