/* SPDX-License-Identifier: Apache-2.0 */
#include <stddef.h>

/* Packs `size` bytes into a buffer of its own and gives it back; buffer_drop frees it. */
void *buffer_pack(const void *bytes, size_t size);
void buffer_drop(void *buffer);
