/* An index that nothing has compared with the length of the field. */
SEC("uprobe")
int record_index_unbounded(struct pt_regs *ctx)
{
	struct rejected_call *call = rejected_call_reserve();
	__u32 slot = bpf_get_prandom_u32();

	if (!call)
		return 0;
	call->samples[slot] = 1;
	rejected_call_submit(call);
	return 0;
}
