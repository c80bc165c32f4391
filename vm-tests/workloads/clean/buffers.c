/* SPDX-License-Identifier: Apache-2.0 */
#include "buffers.h"
#include <stdlib.h>
#include <string.h>

void *buffer_pack(const void *bytes, size_t size)
{
	unsigned char *buffer = malloc(size + 1);

	if (!buffer)
		return NULL;
	memcpy(buffer, bytes, size);
	buffer[size] = 0;
	return buffer;
}

void buffer_drop(void *buffer)
{
	free(buffer);
	__asm__ volatile("");
}
