/* SPDX-License-Identifier: Apache-2.0 */
#include "touch.h"

void touch_pages(char *memory, size_t pages, size_t page_bytes)
{
	for (size_t i = 0; i < pages; i++)
		*(volatile char *)(memory + i * page_bytes + 8) = 1;
}
