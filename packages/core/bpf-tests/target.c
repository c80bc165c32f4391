/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * The traced program of core's own tests. It reads lines from its input: `call N` calls work() with
 * 1…N on the main thread, `thread N` on a new one, and prints how many calls it has made in all.
 * What a reader would get wrong: work() must not be inlined, and starts with an instruction that
 * can be probed whatever the compiler makes of the rest.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

static unsigned long calls;
static unsigned long sum;

__attribute__((noinline)) unsigned long work(unsigned long argument)
{
	__asm__ volatile("" ::: "memory");
	calls++;
	return argument * 2;
}

static void *many(void *count)
{
	for (unsigned long i = 1; i <= (unsigned long)count; i++)
		sum += work(i);
	return NULL;
}

int main(void)
{
	char line[64];
	unsigned long count;

	setvbuf(stdout, NULL, _IOLBF, 0);
	printf("ready\n");
	while (fgets(line, sizeof(line), stdin)) {
		if (sscanf(line, "call %lu", &count) == 1) {
			many((void *)count);
		} else if (sscanf(line, "thread %lu", &count) == 1) {
			pthread_t thread;

			if (pthread_create(&thread, NULL, many, (void *)count))
				return 1;
			pthread_join(thread, NULL);
		}
		printf("calls %lu\n", calls);
	}
	return 0;
}
