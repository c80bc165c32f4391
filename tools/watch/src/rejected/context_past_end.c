/* The registers of the traced thread end earlier. */
SEC("uprobe")
int context_past_end(struct pt_regs *ctx)
{
	return *(__u64 *)((char *)ctx + 4096) == 1;
}
