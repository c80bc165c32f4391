/* Parameters are read-only once the program is loaded. */
SEC("uprobe")
int param_written(struct pt_regs *ctx)
{
	volatile __u32 *limit = (volatile __u32 *)&config.limit;

	*limit = 9;
	return 0;
}
