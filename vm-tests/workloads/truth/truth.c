/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The result goes through a volatile, so that no call becomes a jump (which would hide its caller)
 * and the compiler cannot drop an allocation that nobody reads.
 */
#include "truth.h"
#include <stdlib.h>

__attribute__((noinline)) void *truth_malloc(size_t size)
{
	void *volatile result = malloc(size);

	return result;
}

__attribute__((noinline)) void *truth_calloc(size_t count, size_t size)
{
	void *volatile result = calloc(count, size);

	return result;
}

void truth_free(void *memory)
{
	void *volatile kept = memory;

	free(kept);
	kept = NULL;
}

__attribute__((noinline)) void truth_touch(uintptr_t memory, size_t pages, size_t page_bytes)
{
	for (size_t i = 0; i < pages; i++)
		*(volatile char *)(memory + i * page_bytes + 8) = 1;
}

void *truth_function(int which)
{
	switch (which) {
	case 0:
		return (void *)truth_malloc;
	case 1:
		return (void *)truth_calloc;
	default:
		return (void *)truth_touch;
	}
}
