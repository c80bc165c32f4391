/* Allocations deep inside C whose callers are known by how the code is written. */
#ifndef KNOWN_H
#define KNOWN_H

#include <stddef.h>
#include <stdint.h>

#define TAKES_MAX 1024

/* One allocation: by which way, how often `descend` is on its stack, and its address. */
struct take {
	const char *kind;
	int depth;
	uintptr_t address;
};

extern struct take takes[TAKES_MAX];
extern int take_count;

void take_deep(int depth);
void take_alloca(int depth);
void take_copied(int depth);
void take_sorted(int depth);
void take_thread(int depth);
void take_signal(int depth);
void take_jumped(int depth);
void release_all(void);

#endif
