/* The context may be read at fixed places only. */
SEC("uprobe")
int context_moved(struct pt_regs *ctx)
{
	__u64 place = bpf_get_prandom_u32() & 56;

	return *(__u64 *)((char *)ctx + place) == 1;
}
