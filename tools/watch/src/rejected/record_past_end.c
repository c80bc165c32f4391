/* The record is reserved eight bytes too small. */
SEC("uprobe")
int record_past_end(struct pt_regs *ctx)
{
	struct rejected_call *call = bpf_ringbuf_reserve(&sonde_ring, sizeof(*call) - 8, 0);

	if (!call)
		return 0;
	call->samples[7] = 1;
	bpf_ringbuf_submit(call, 0);
	return 0;
}
