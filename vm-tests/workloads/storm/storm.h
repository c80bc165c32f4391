/* SPDX-License-Identifier: Apache-2.0 */
#include <stddef.h>

/* `pairs` times malloc(size) and free, as fast as it goes. */
void storm(size_t pairs, size_t size);
