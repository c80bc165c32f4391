/* A record belongs to the reader once it is submitted. */
SEC("uprobe")
int record_after_submit(struct pt_regs *ctx)
{
	struct rejected_call *call = rejected_call_reserve();

	if (!call)
		return 0;
	rejected_call_submit(call);
	call->bytes = 1;
	return 0;
}
