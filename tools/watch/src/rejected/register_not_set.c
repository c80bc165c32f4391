/* A register is read that nothing has written. */
SEC("uprobe")
int register_not_set(struct pt_regs *ctx)
{
	long value;

	asm volatile("%0 = r8" : "=r"(value));
	return value > 3;
}
