/* SPDX-License-Identifier: Apache-2.0 */
#include <stddef.h>

/* One wait by CLOCK_MONOTONIC, from before its system call to behind it. */
struct wait {
	long long began_ns;
	long long took_ns;
};

long long now_ns(void);

/* Each waits `times` times, writes when and how long, and returns the thread's id. */
int wait_asleep(size_t times, long ms, struct wait *waits);
int wait_for_child(size_t times, long ms, struct wait *waits);

/* Computes for `ms` beside another thread on one CPU; waits for nothing. The same result. */
int share_cpu(long ms);
