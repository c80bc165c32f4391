/* An argument of the traced function is an address of the target, not of the program. */
#ifdef __TARGET_ARCH_x86
#define SONDE_PT_ARG0(ctx) ((ctx)->di)
#else
#define SONDE_PT_ARG0(ctx) (((const struct user_pt_regs *)(ctx))->regs[0])
#endif
SEC("uprobe")
int user_pointer(struct pt_regs *ctx)
{
	__u64 *place = (__u64 *)SONDE_PT_ARG0(ctx);

	return *place == 7;
}
