/* A table takes 80 bytes from the place of an 8-byte variable. */
SEC("uprobe")
int value_too_short(struct pt_regs *ctx)
{
	__u64 key = bpf_get_current_pid_tgid();
	__u64 life = 1;

	return bpf_map_update_elem(&lives, &key, &life, BPF_ANY) == 0;
}
