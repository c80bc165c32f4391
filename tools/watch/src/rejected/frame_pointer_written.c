/* The frame pointer is read-only. */
SEC("uprobe")
int frame_pointer_written(struct pt_regs *ctx)
{
	asm volatile("r10 += 8");
	return 0;
}
