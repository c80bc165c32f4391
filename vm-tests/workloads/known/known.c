/*
 * Every function is kept out of its caller and does something after its call, so that each is on
 * the stack. No unwinder is asked, because a C library may have none: what is on the stack follows
 * from the way and the depth.
 */
#define _GNU_SOURCE
#include "known.h"

#include <alloca.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#define APART __attribute__((noinline, noclone))

struct take takes[TAKES_MAX];
int take_count;
static volatile int kept;
static volatile int wanted_depth;

static void remember(const char *kind, void *address)
{
	struct take *take = &takes[take_count < TAKES_MAX - 1 ? take_count++ : TAKES_MAX - 1];

	take->kind = kind;
	take->depth = wanted_depth;
	take->address = (uintptr_t)address;
}

APART static void leaf(const char *kind, size_t bytes)
{
	remember(kind, malloc(bytes));
	kept++;
}

APART static int descend(int depth, void (*last)(void))
{
	volatile int local = depth;

	if (depth <= 0)
		last();
	else
		kept += descend(depth - 1, last);
	return local;
}

APART static void last_deep(void)
{
	leaf("deep", 1040);
	kept++;
}

void take_deep(int depth)
{
	wanted_depth = depth;
	kept += descend(depth, last_deep);
}

APART static void last_alloca(void)
{
	volatile char *room = alloca(wanted_depth * 16 + 16);

	room[0] = 1;
	leaf("alloca", 1056);
	kept += room[0];
}

void take_alloca(int depth)
{
	wanted_depth = depth;
	kept += descend(depth, last_alloca);
}

/* The C library allocates for its caller. */
APART static void last_copied(void)
{
	remember("copied", strdup("a text that is long enough to be kept somewhere"));
	kept++;
}

void take_copied(int depth)
{
	wanted_depth = depth;
	kept += descend(depth, last_copied);
}

static int compared;

APART static int compare(const void *a, const void *b)
{
	int left = *(const int *)a, right = *(const int *)b;

	if (!compared++)
		leaf("sorted", 1072);
	return left < right ? -1 : left > right;
}

APART static void last_sorted(void)
{
	int values[16];

	for (int i = 0; i < 16; i++)
		values[i] = (i * 37) % 16;
	compared = 0;
	qsort(values, 16, sizeof(*values), compare);
	kept += values[0];
}

void take_sorted(int depth)
{
	wanted_depth = depth;
	kept += descend(depth, last_sorted);
}

APART static void last_thread(void)
{
	leaf("thread", 1088);
	kept++;
}

APART static void *on_thread(void *depth)
{
	kept += descend((int)(intptr_t)depth, last_thread);
	return NULL;
}

/* A thread that never runs Go code. */
void take_thread(int depth)
{
	pthread_t thread;

	wanted_depth = depth;
	if (pthread_create(&thread, NULL, on_thread, (void *)(intptr_t)depth))
		return;
	pthread_join(thread, NULL);
}

APART static void on_signal(int number)
{
	leaf("signal", 1104);
	kept += number;
}

APART static void last_signal(void)
{
	raise(SIGUSR2);
	kept++;
}

void take_signal(int depth)
{
	struct sigaction action, old;

	wanted_depth = depth;
	memset(&action, 0, sizeof(action));
	action.sa_handler = on_signal;
	action.sa_flags = SA_NODEFER;
	sigaction(SIGUSR2, &action, &old);
	kept += descend(depth, last_signal);
	sigaction(SIGUSR2, &old, NULL);
}

/* Jumps to malloc, which then returns to the caller of this. */
__attribute__((noipa)) static void *grab(size_t bytes)
{
	return malloc(bytes);
}

APART static void last_jumped(void)
{
	remember("jumped", grab(1120));
	kept++;
}

void take_jumped(int depth)
{
	wanted_depth = depth;
	kept += descend(depth, last_jumped);
}

void release_all(void)
{
	for (int i = 0; i < take_count; i++)
		free((void *)takes[i].address);
	take_count = 0;
}
