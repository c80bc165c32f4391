/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The result goes through a volatile, so that no call becomes a jump (which would hide its caller)
 * and the compiler cannot drop an allocation that nobody reads.
 */
#define _GNU_SOURCE
#include "_cgo_export.h"
#include "calls.h"
#include <malloc.h>
#include <stdlib.h>

#define KEEP(call)                                                                                 \
	do {                                                                                       \
		void *volatile result = (call);                                                    \
		return result;                                                                     \
	} while (0)

void *call_malloc(size_t size)
{
	KEEP(malloc(size));
}

void *call_calloc(size_t count, size_t size)
{
	KEEP(calloc(count, size));
}

void *call_realloc(void *old, size_t size)
{
	KEEP(realloc(old, size));
}

void *call_reallocarray(void *old, size_t count, size_t size)
{
	KEEP(reallocarray(old, count, size));
}

void *call_posix_memalign(size_t alignment, size_t size)
{
	void *memory = NULL;

	if (posix_memalign(&memory, alignment, size))
		return NULL;
	return memory;
}

void *call_aligned_alloc(size_t alignment, size_t size)
{
	KEEP(aligned_alloc(alignment, size));
}

void *call_memalign(size_t alignment, size_t size)
{
	KEEP(memalign(alignment, size));
}

void *call_valloc(size_t size)
{
	KEEP(valloc(size));
}

void *call_pvalloc(size_t size)
{
	KEEP(pvalloc(size));
}

void call_nested(void **before, void **after)
{
	*before = malloc(121);
	innerCall();
	*after = malloc(123);
}

void call_free(void *memory)
{
	void *volatile kept = memory;

	free(kept);
	kept = NULL;
}

size_t usable_size(void *memory)
{
	return malloc_usable_size(memory);
}
