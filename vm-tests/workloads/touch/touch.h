/* SPDX-License-Identifier: Apache-2.0 */
#include <stddef.h>

/* Writes to one byte of each of `pages` pages. */
void touch_pages(char *memory, size_t pages, size_t page_bytes);

/* Calls back into Go, below two frames that keep no frame pointer. */
void call_back(int depth);

/* What Go exports: runs what was left for it. */
void goPending(void);
