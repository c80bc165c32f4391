// SPDX-License-Identifier: Apache-2.0
/*
 * The C side of two comparisons, as a person would write it with libbpf alone:
 *   uprobe_tool first OBJECT PID FILE OFFSET    prints "first NS" at the first record, then ends:
 *                                               nanoseconds since this process started
 *   uprobe_tool hold OBJECT PID FILE OFFSET…    attaches an empty program at every offset ("r" in
 *                                               front: on return), prints "ready", waits for end of
 *                                               standard input
 *   uprobe_tool count OBJECT PID FILE OFFSET…   one record a hit through libbpf's ring reader; for
 *                                               each line of standard input prints records and CPU
 *                                               nanoseconds of this process so far
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static unsigned long seen;

static int on_record(void *context, void *data, size_t size)
{
	(void)context;
	(void)data;
	(void)size;
	seen++;
	return 0;
}

static double now_ns(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return t.tv_sec * 1e9 + t.tv_nsec;
}

static int attach(struct bpf_object *object, const char *program, int pid, const char *file,
		  const char *offset)
{
	int is_return = offset[0] == 'r';
	LIBBPF_OPTS(bpf_uprobe_opts, options, .retprobe = is_return);
	struct bpf_program *p = bpf_object__find_program_by_name(object, program);
	unsigned long at = strtoul(offset + is_return, NULL, 0);

	return bpf_program__attach_uprobe_opts(p, pid, file, at, &options) ? 0 : -1;
}

/* Reads records until standard input ends; answers each of its lines. */
static int count_records(struct ring_buffer *ring)
{
	struct pollfd input = { .fd = 0, .events = POLLIN };
	char line[64];

	puts("ready");
	fflush(stdout);
	for (;;) {
		ring_buffer__poll(ring, 10);
		if (poll(&input, 1, 0) == 0)
			continue;
		if (!fgets(line, sizeof(line), stdin))
			return 0;
		ring_buffer__consume(ring);
		printf("%lu %.0f\n", seen, now_ns(CLOCK_PROCESS_CPUTIME_ID));
		fflush(stdout);
	}
}

int main(int argc, char **argv)
{
	double start = now_ns(CLOCK_MONOTONIC);
	struct bpf_object *object;
	int i, pid;

	if (argc < 6)
		return 2;
	object = bpf_object__open_file(argv[2], NULL);
	if (!object || bpf_object__load(object))
		return 1;
	pid = atoi(argv[3]);
	if (!strcmp(argv[1], "hold")) {
		for (i = 5; i < argc; i++)
			if (attach(object, argv[i][0] == 'r' ? "on_nothing_return" : "on_nothing", pid,
				   argv[4], argv[i]))
				return 1;
		puts("ready");
		fflush(stdout);
		while (getchar() != EOF)
			;
		return 0;
	}
	struct ring_buffer *ring = ring_buffer__new(
		bpf_map__fd(bpf_object__find_map_by_name(object, "ring")), on_record, NULL, NULL);

	for (i = 5; i < argc; i++)
		if (!ring || attach(object, "on_first", pid, argv[4], argv[i]))
			return 1;
	if (!strcmp(argv[1], "count"))
		return count_records(ring);
	while (!seen)
		ring_buffer__poll(ring, 100);
	printf("first %.0f\n", now_ns(CLOCK_MONOTONIC) - start);
	return 0;
}
