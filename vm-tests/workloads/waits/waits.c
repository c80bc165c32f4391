/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Waits of known reason and length. The results go through a volatile, so that no call becomes a
 * jump, which would hide its caller.
 */
#define _GNU_SOURCE
#include "waits.h"
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

long long now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000000LL + now.tv_nsec;
}

static int sleep_ms(long ms)
{
	struct timespec time = { ms / 1000, ms % 1000 * 1000000 };
	volatile long result = syscall(SYS_nanosleep, &time, NULL);

	return result;
}

__attribute__((noinline)) int wait_asleep(size_t times, long ms, struct wait *waits)
{
	for (size_t i = 0; i < times; i++) {
		long long began = waits[i].began_ns = now_ns();

		sleep_ms(ms);
		waits[i].took_ns = now_ns() - began;
	}
	return syscall(SYS_gettid);
}

/*
 * With CLONE_VFORK the parent waits until the child is gone, and no signal but a deadly one ends
 * that. Not by vfork(), which keeps its return address where no unwinder finds it.
 */
__attribute__((noinline)) int wait_for_child(size_t times, long ms, struct wait *waits)
{
	for (size_t i = 0; i < times; i++) {
		long long began = waits[i].began_ns = now_ns();
		volatile pid_t child = syscall(SYS_clone, CLONE_VFORK | SIGCHLD, 0, 0, 0, 0);

		if (child == 0) {
			sleep_ms(ms);
			_exit(0);
		}
		waits[i].took_ns = now_ns() - began;
		/* Without blocking: that would be a wait of another kind. */
		while (waitpid(child, NULL, WNOHANG) == 0)
			;
	}
	return syscall(SYS_gettid);
}

static volatile int running;

static void *compute(void *unused)
{
	(void)unused;
	running = 1;
	while (running == 1)
		;
	running = 0;
	return NULL;
}

int share_cpu(long ms)
{
	cpu_set_t before, one;
	pthread_t other;
	long long end;

	pthread_getaffinity_np(pthread_self(), sizeof(before), &before);
	CPU_ZERO(&one);
	CPU_SET(sched_getcpu(), &one);
	pthread_setaffinity_np(pthread_self(), sizeof(one), &one);
	/* It inherits the one CPU. */
	if (pthread_create(&other, NULL, compute, NULL) != 0)
		return -1;
	pthread_detach(other);
	while (running != 1)
		;
	for (end = now_ns() + ms * 1000000LL; now_ns() < end;)
		;
	running = 2;
	while (running != 0)
		;
	pthread_setaffinity_np(pthread_self(), sizeof(before), &before);
	return syscall(SYS_gettid);
}
