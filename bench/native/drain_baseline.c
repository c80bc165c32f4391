// SPDX-License-Identifier: Apache-2.0
/*
 * The baseline of the drain benchmark: libbpf's own ring_buffer__consume with a callback that sums
 * every field. It owns the ring and prints its id first; then one command a line on standard input:
 *   small N, wide N   fills the ring with N records, answers how many went in
 *   consume 0         reads them all, answers records and nanoseconds
 * so that the parent can let its own reader, on the same ring, take every other filling.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

struct header {
	__u16 event;
	__u16 flags;
	__u32 size;
	__u64 ktime_ns;
};

struct small {
	struct header header;
	__u64 address;
	__u32 bytes;
	__u32 stack;
};

struct wide {
	struct header header;
	__u64 address;
	__u64 bytes;
	__u64 stack;
	__u64 caller;
	__u32 tid;
	__u32 kind;
	__u64 goid;
};

struct request {
	__u32 count;
	__u32 wide;
	__u64 produced;
};

static unsigned long long sum, records;

static int on_record(void *context, void *data, size_t size)
{
	struct header *header = data;

	(void)context;
	(void)size;
	if (header->event == 0) {
		struct small *s = data;

		sum += s->header.ktime_ns + s->address + s->bytes + s->stack;
	} else {
		struct wide *w = data;

		sum += w->header.ktime_ns + w->address + w->bytes + w->stack + w->caller + w->tid +
		       w->kind + w->goid;
	}
	records++;
	return 0;
}

static double now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return t.tv_sec * 1e9 + t.tv_nsec;
}

int main(int argc, char **argv)
{
	struct bpf_object *object = argc == 2 ? bpf_object__open_file(argv[1], NULL) : NULL;
	struct bpf_map_info info = {};
	__u32 info_size = sizeof(info);
	struct ring_buffer *ring;
	char command[16];
	unsigned count;
	int program, map;

	if (!object || bpf_object__load(object)) {
		fprintf(stderr, "drain_baseline: load %s failed\n", argc == 2 ? argv[1] : "(no object)");
		return 1;
	}
	program = bpf_program__fd(bpf_object__find_program_by_name(object, "produce"));
	map = bpf_map__fd(bpf_object__find_map_by_name(object, "ring"));
	ring = ring_buffer__new(map, on_record, NULL, NULL);
	if (!ring || bpf_obj_get_info_by_fd(map, &info, &info_size))
		return 1;
	printf("ring %u\n", info.id);
	fflush(stdout);
	while (scanf("%15s %u", command, &count) == 2) {
		struct request request = { .count = count, .wide = !strcmp(command, "wide") };
		LIBBPF_OPTS(bpf_test_run_opts, run, .ctx_in = &request, .ctx_size_in = sizeof(request));
		double before;

		if (strcmp(command, "consume")) {
			if (bpf_prog_test_run_opts(program, &run)) {
				perror("drain_baseline: produce");
				return 1;
			}
			printf("%llu\n", request.produced);
			fflush(stdout);
			continue;
		}
		records = 0;
		before = now_ns();
		ring_buffer__consume(ring);
		printf("%llu %.0f %llu\n", records, now_ns() - before, sum);
		fflush(stdout);
	}
	ring_buffer__free(ring);
	bpf_object__close(object);
	return 0;
}
