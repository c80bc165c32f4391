/* Allocations deep inside C, each with the stack that the C library's own unwinder sees there. */
#ifndef NESTED_H
#define NESTED_H

#include <stddef.h>
#include <stdint.h>

#define FRAMES_MAX 48
#define TAKES_MAX 4096

/* One allocation: who asked for it, what it is, and the return addresses above who asked. */
struct take {
	const char *kind;
	uintptr_t address;
	int count;
	int library;
	uintptr_t frames[FRAMES_MAX];
};

extern struct take takes[TAKES_MAX];
extern int take_count;

void warm_up(void);
void take_deep(int depth);
void take_alloca(int bytes);
void take_realigned(int bytes);
void take_sorted(int count);
void take_copied(int depth);
void take_printed(int depth);
void take_thread(int depth);
void take_through_go(int depth);
void take_signal(int depth);
void take_large_frame(int depth);
void release_all(void);

#endif
