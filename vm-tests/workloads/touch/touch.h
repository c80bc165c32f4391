/* SPDX-License-Identifier: Apache-2.0 */
#include <stddef.h>

/* Writes to one byte of each of `pages` pages. */
void touch_pages(char *memory, size_t pages, size_t page_bytes);
