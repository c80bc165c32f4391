/* SPDX-License-Identifier: Apache-2.0 */
#include <stddef.h>
#include <stdint.h>

/* Allocators behind one C function each, so that every call has a caller whose place is known. */
void *truth_malloc(size_t size);
void *truth_calloc(size_t count, size_t size);
void truth_free(void *memory);

/* Writes to one byte of each of `pages` pages. */
void truth_touch(uintptr_t memory, size_t pages, size_t page_bytes);

/* What a stripped program's C functions are called, by a number: 0 malloc, 1 calloc, 2 touch. */
void *truth_function(int which);
