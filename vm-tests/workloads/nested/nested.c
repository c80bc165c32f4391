/*
 * Every function here is compiled without a frame pointer and is kept out of its caller, and does
 * something after its call, so that no call is a jump. A leaf asks backtrace() for its callers and
 * allocates right after, at the same depth.
 */
#define _GNU_SOURCE
#include "nested.h"

#include <alloca.h>
#include <execinfo.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "_cgo_export.h"

#define APART __attribute__((noinline, noclone))

struct take takes[TAKES_MAX];
int take_count;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static volatile int kept;

/* The first call loads the unwinder's library, which allocates. */
void warm_up(void)
{
	void *frames[4];

	kept += backtrace(frames, 4);
}

static struct take *next_take(const char *kind)
{
	struct take *take;

	pthread_mutex_lock(&lock);
	take = &takes[take_count < TAKES_MAX - 1 ? take_count++ : TAKES_MAX - 1];
	pthread_mutex_unlock(&lock);
	memset(take, 0, sizeof(*take));
	take->kind = kind;
	return take;
}

/* A macro, because the callers of the leaf itself are wanted, not those of a helper. */
#define LOOK(take)                                                                                 \
	do {                                                                                       \
		void *frames_[FRAMES_MAX];                                                         \
		(take)->count = backtrace(frames_, FRAMES_MAX);                                    \
		for (int i_ = 0; i_ < (take)->count; i_++)                                         \
			(take)->frames[i_] = (uintptr_t)frames_[i_];                               \
	} while (0)

APART static void leaf(const char *kind, size_t bytes)
{
	struct take *take = next_take(kind);

	LOOK(take);
	take->address = (uintptr_t)malloc(bytes);
	kept++;
}

/* The C library allocates for its caller. */
APART static void copying_leaf(const char *text)
{
	struct take *take = next_take("copied");

	LOOK(take);
	take->library = 1;
	take->address = (uintptr_t)strdup(text);
	kept++;
}

APART static void printing_leaf(int number)
{
	struct take *take = next_take("printed");
	char *text = NULL;

	LOOK(take);
	take->library = 1;
	if (asprintf(&text, "%d bottles of %s on the wall, and %60d more", number, "beer", number) < 0)
		text = NULL;
	take->address = (uintptr_t)text;
	kept++;
}

APART static int descend(int depth, void (*last)(int))
{
	volatile int local = depth;

	if (depth <= 0)
		last(local);
	else
		kept += descend(depth - 1, last);
	return local;
}

static void last_deep(int n)
{
	leaf("deep", 40 + n);
	kept++;
}

static void last_copied(int n)
{
	copying_leaf("a text that is long enough to be kept somewhere");
	kept += n;
}

static void last_printed(int n)
{
	printing_leaf(n);
	kept++;
}

static void last_thread(int n)
{
	leaf("thread", 72 + n);
	kept++;
}

static void last_through_go(int n)
{
	leaf("through go", 88 + n);
	kept++;
}

static void last_signal(int n)
{
	raise(SIGUSR2);
	kept += n;
}

void take_deep(int depth)
{
	kept += descend(depth, last_deep);
}

void take_copied(int depth)
{
	kept += descend(depth, last_copied);
}

void take_printed(int depth)
{
	kept += descend(depth, last_printed);
}

void take_alloca(int bytes)
{
	volatile char *room = alloca(bytes + 16);

	room[0] = 1;
	leaf("alloca", 56);
	kept += room[0];
}

struct wide {
	double lanes[4];
} __attribute__((aligned(64)));

void take_realigned(int bytes)
{
	volatile struct wide wide = { { 1.5 } };
	volatile char *room = alloca(bytes + 16);

	room[0] = 1;
	leaf("realigned", 64);
	kept += room[0] + (int)wide.lanes[0];
}

static __thread int compared;

static int compare(const void *a, const void *b)
{
	int left = *(const int *)a, right = *(const int *)b;

	if (!compared++)
		leaf("sorted", 48);
	return left < right ? -1 : left > right;
}

void take_sorted(int count)
{
	int values[64];

	for (int i = 0; i < 64; i++)
		values[i] = (i * 37) % 64;
	compared = 0;
	qsort(values, count < 64 ? count : 64, sizeof(*values), compare);
	kept += values[0];
}

static void *on_thread(void *depth)
{
	kept += descend((int)(intptr_t)depth, last_thread);
	return NULL;
}

/* A thread that never runs Go code. */
void take_thread(int depth)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, on_thread, (void *)(intptr_t)depth))
		return;
	pthread_join(thread, NULL);
}

/* Called back from Go, which C has called: the second C stack lies on the same one. */
void go_called_back(int depth)
{
	kept += descend(depth, last_through_go);
}

void take_through_go(int depth)
{
	goBetween(depth);
	kept++;
}

static void on_signal(int number)
{
	leaf("signal", 104);
	kept += number;
}

void take_signal(int depth)
{
	struct sigaction action, old;

	memset(&action, 0, sizeof(action));
	action.sa_handler = on_signal;
	/* The Go runtime wants its handlers on a stack of their own; this one runs where it is. */
	action.sa_flags = SA_NODEFER;
	sigaction(SIGUSR2, &action, &old);
	kept += descend(depth, last_signal);
	sigaction(SIGUSR2, &old, NULL);
}

/* A frame that is larger than what an offset of 8 bits in words can say. */
void take_large_frame(int depth)
{
	volatile char room[6000];

	room[0] = (char)depth;
	room[5999] = 1;
	leaf("large frame", 96);
	kept += room[0] + room[5999];
}

void release_all(void)
{
	for (int i = 0; i < take_count; i++)
		free((void *)takes[i].address);
	take_count = 0;
}
