/* The same without the generated reserve: nothing has looked at the pointer. */
SEC("uprobe")
int record_unchecked_raw(struct pt_regs *ctx)
{
	struct rejected_call *call = bpf_ringbuf_reserve(&sonde_ring, sizeof(*call), 0);

	call->bytes = 8;
	bpf_ringbuf_submit(call, 0);
	return 0;
}
