/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every function stores its own number, so that the compiler cannot fold the sixteen into one, and
 * does so after the allocation, so that the allocation is a call and not a jump.
 */
#include "sites.h"
#include <stdlib.h>
#include <string.h>

#define DEFINE(name, id)                                                                           \
	__attribute__((noinline)) void *name(size_t size, size_t touched)                          \
	{                                                                                          \
		unsigned char *memory = malloc(size);                                              \
                                                                                                   \
		if (!memory)                                                                       \
			return NULL;                                                               \
		if (touched)                                                                       \
			memset(memory, 0x40 + id, touched);                                        \
		*(volatile unsigned char *)memory = id;                                            \
		return memory;                                                                     \
	}
FOR_EACH_SITE(DEFINE)
#undef DEFINE

void *site_function(int id)
{
#define ADDRESS(name, id) (void *)name,
	static void *const functions[] = { FOR_EACH_SITE(ADDRESS) };
#undef ADDRESS
	return functions[id];
}

__attribute__((noinline)) void site_free(void *memory)
{
	free(memory);
	/* Keeps free a call, whose caller this is. */
	__asm__ volatile("");
}
