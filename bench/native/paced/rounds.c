// SPDX-License-Identifier: Apache-2.0
/*
 * The C loops, built as libraries are: optimized, without frame pointers. What a reader would get
 * wrong: frames are counted with the one that cgo writes, which calls `rounds_at`; at two frames
 * that one is the only one besides the loop's, so `rounds_at` has to jump there and not call.
 */
#include "rounds.h"

#include <stdint.h>
#include <stdlib.h>
#include <time.h>
#include <unwind.h>

/* Bytes of a frame: what sqlite's take on average (14 frames in 3.7 KiB). */
#define ROOM 224
/* Different walks of `wander`, and how deep they go. */
#define WALKS 2048
#define WALK_FRAMES 12

#define FRAME __attribute__((noinline))
/* Code behind a call, so that it stays a call. */
#define KEEP(room) __asm__ volatile("" : : "r"(room) : "memory")

static volatile uint64_t sink;

double cpu_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return t.tv_sec * 1e9 + t.tv_nsec;
}

static _Unwind_Reason_Code count_frame(struct _Unwind_Context *context, void *frames)
{
	sink += _Unwind_GetIP(context);
	++*(int *)frames;
	return _URC_NO_REASON;
}

/* A thousand functions, each with one call in it: a thousand return addresses. */
typedef void (*place)(uint64_t seed, int frames);
static const place places[1024];

static inline void walk_on(uint64_t seed, int frames)
{
	if (frames == 0) {
		void *p = malloc(64);

		sink += (uintptr_t)p;
		free(p);
		return;
	}
	seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
	places[seed >> 54](seed, frames - 1);
}

#define PLACE(n)                                                                                   \
	FRAME static void place_##n(uint64_t seed, int frames)                                     \
	{                                                                                          \
		char room[16 + (1##n & 7) * 16];                                                   \
                                                                                                   \
		walk_on(seed + 1##n, frames);                                                      \
		KEEP(room);                                                                        \
	}
#define NAME(n) place_##n,
#define FOUR(X, n) X(n##0) X(n##1) X(n##2) X(n##3)
#define FOUR_2(X, n) FOUR(X, n##0) FOUR(X, n##1) FOUR(X, n##2) FOUR(X, n##3)
#define FOUR_3(X, n) FOUR_2(X, n##0) FOUR_2(X, n##1) FOUR_2(X, n##2) FOUR_2(X, n##3)
#define FOUR_4(X, n) FOUR_3(X, n##0) FOUR_3(X, n##1) FOUR_3(X, n##2) FOUR_3(X, n##3)
#define FOUR_5(X) FOUR_4(X, 0) FOUR_4(X, 1) FOUR_4(X, 2) FOUR_4(X, 3)

FOUR_5(PLACE)

static const place places[1024] = { FOUR_5(NAME) };

FRAME static double rounds(int frames, long count, enum work work)
{
	double before = cpu_ns();

	(void)frames;
	for (long i = 0; i < count; i++) {
		for (int j = 0; j < 50; j++)
			sink += j;
		if (work == WORK_MALLOC) {
			void *p = malloc(64 + (i & 63));

			sink += (uintptr_t)p;
			free(p);
		} else if (work == WORK_BACKTRACE) {
			int found = 0;

			_Unwind_Backtrace(count_frame, &found);
			sink += found;
		} else if (work == WORK_WANDER) {
			walk_on(i % WALKS, WALK_FRAMES);
		}
	}
	return cpu_ns() - before;
}

FRAME static double descend(int frames, long count, enum work work)
{
	char room[ROOM];
	double ns;

	if (frames > 3)
		ns = descend(frames - 1, count, work);
	else
		ns = rounds(frames, count, work);
	KEEP(room);
	return ns;
}

double rounds_at(int frames, long count, enum work work)
{
	if (frames > 2)
		return descend(frames, count, work);
	return rounds(frames, count, work);
}
