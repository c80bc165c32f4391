/* The size of a record has to be known when the program is loaded. */
SEC("uprobe")
int record_size_varies(struct pt_regs *ctx)
{
	void *call = bpf_ringbuf_reserve(&sonde_ring, 8 + (bpf_get_prandom_u32() & 56), 0);

	if (!call)
		return 0;
	bpf_ringbuf_submit(call, 0);
	return 0;
}
