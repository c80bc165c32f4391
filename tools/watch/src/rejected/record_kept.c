/* A record is reserved and neither submitted nor discarded on one path. */
SEC("uprobe")
int record_kept(struct pt_regs *ctx)
{
	struct rejected_call *call = rejected_call_reserve();

	if (!call)
		return 0;
	if (bpf_get_prandom_u32() & 1)
		return 0;
	rejected_call_submit(call);
	return 0;
}
