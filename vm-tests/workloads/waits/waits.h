/* SPDX-License-Identifier: Apache-2.0 */
#include <stddef.h>

/* Each waits `times` times, writes how many nanoseconds each took, and returns the thread's id. */
int wait_asleep(size_t times, long ms, long long *took_ns);
int wait_for_child(size_t times, long ms, long long *took_ns);

/* Computes for `ms` beside another thread on one CPU; waits for nothing. The same result. */
int share_cpu(long ms);
