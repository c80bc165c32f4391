/* SPDX-License-Identifier: Apache-2.0 */
#include "storm.h"
#include <stdlib.h>

void storm(size_t pairs, size_t size)
{
	for (size_t i = 0; i < pairs; i++) {
		void *volatile memory = malloc(size);

		free(memory);
	}
}
