/* A field behind the end of a map value, through the wrong type. */
SEC("uprobe")
int value_past_end(struct pt_regs *ctx)
{
	__u64 key = bpf_get_current_pid_tgid();
	struct rejected_call *wrong = bpf_map_lookup_elem(&lives, &key);

	if (!wrong)
		return 0;
	wrong->samples[7] = 1;
	return 0;
}
