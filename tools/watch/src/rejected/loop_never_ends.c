/* A loop that never changes anything. */
SEC("uprobe")
int loop_never_ends(struct pt_regs *ctx)
{
	for (;;)
		asm volatile("" ::: "memory");
	return 0;
}
