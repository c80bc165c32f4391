/* A helper for stack traces is given a hash table. */
SEC("uprobe")
int map_of_another_type(struct pt_regs *ctx)
{
	return bpf_get_stackid(ctx, &lives, BPF_F_USER_STACK) > 0;
}
