/* SPDX-License-Identifier: Apache-2.0 */
/* One C function per allocator, so that each call has a caller of its own. */
#include <stddef.h>

void *call_malloc(size_t size);
void *call_calloc(size_t count, size_t size);
void *call_realloc(void *old, size_t size);
void *call_reallocarray(void *old, size_t count, size_t size);
void *call_posix_memalign(size_t alignment, size_t size);
void *call_aligned_alloc(size_t alignment, size_t size);
void *call_memalign(size_t alignment, size_t size);
void *call_valloc(size_t size);
void *call_pvalloc(size_t size);
/* Allocates before and after a call back into Go, which allocates through C again. */
void call_nested(void **before, void **after);
void call_free(void *memory);
size_t usable_size(void *memory);
