/* A helper wants the address of a key and is given the key. */
SEC("uprobe")
int key_is_a_number(struct pt_regs *ctx)
{
	__u64 key = bpf_get_current_pid_tgid();

	return bpf_map_lookup_elem(&lives, (void *)key) != 0;
}
