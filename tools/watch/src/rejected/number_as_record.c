/* What is submitted has to be what was reserved. */
SEC("uprobe")
int number_as_record(struct pt_regs *ctx)
{
	struct rejected_call *call = (void *)bpf_get_current_pid_tgid();

	bpf_ringbuf_submit(call, 0);
	return 0;
}
