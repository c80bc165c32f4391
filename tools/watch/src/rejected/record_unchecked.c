/* The record of a full ring is null. */
SEC("uprobe")
int record_unchecked(struct pt_regs *ctx)
{
	struct rejected_call *call = rejected_call_reserve();

	call->tid = 1;
	rejected_call_submit(call);
	return 0;
}
