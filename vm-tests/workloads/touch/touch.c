/* SPDX-License-Identifier: Apache-2.0 */
#include "touch.h"

void touch_pages(char *memory, size_t pages, size_t page_bytes)
{
	for (size_t i = 0; i < pages; i++)
		*(volatile char *)(memory + i * page_bytes + 8) = 1;
}

static volatile int calls;

void __attribute__((noinline)) call_back(int depth)
{
	if (depth > 0)
		call_back(depth - 1);
	else
		goPending();
	calls++;
}
