/* A record is submitted twice. */
SEC("uprobe")
int record_twice(struct pt_regs *ctx)
{
	struct rejected_call *call = rejected_call_reserve();

	if (!call)
		return 0;
	rejected_call_submit(call);
	rejected_call_submit(call);
	return 0;
}
