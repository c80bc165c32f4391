/* A raw tracepoint has a fixed number of arguments. */
SEC("raw_tp/sys_enter")
int context_args_past_end(__u64 *ctx)
{
	return ctx[64] == 1;
}
