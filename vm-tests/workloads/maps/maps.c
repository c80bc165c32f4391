/* SPDX-License-Identifier: Apache-2.0 */
/*
 * By the system calls themselves: the library's functions make others on the way. brk is put back
 * to where the allocator left it.
 */
#define _GNU_SOURCE
#include <time.h>
#include "maps.h"
#include <errno.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

struct list {
	struct call *calls;
	size_t count, most;
};

static intptr_t made(struct list *list, const char *name, intptr_t a, intptr_t b, intptr_t c,
		     intptr_t result)
{
	if (name[0] != 'b' && result == -1)
		result = -errno;
	if (list->count < list->most)
		list->calls[list->count++] = (struct call){ name, { a, b, c }, result };
	return result;
}

#define MAP(bytes, protection)                                                                     \
	made(&list, "mmap", 0, bytes, protection,                                                  \
	     syscall(SYS_mmap, 0, bytes, protection, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0))
#define UNMAP(address, bytes)                                                                      \
	made(&list, "munmap", address, bytes, 0, syscall(SYS_munmap, address, bytes))
#define REMAP(address, old_bytes, bytes)                                                           \
	made(&list, "mremap", address, old_bytes, bytes,                                           \
	     syscall(SYS_mremap, address, old_bytes, bytes, MREMAP_MAYMOVE, 0))
#define DROP(address, bytes)                                                                       \
	made(&list, "dontneed", address, bytes, MADV_DONTNEED,                                     \
	     syscall(SYS_madvise, address, bytes, MADV_DONTNEED))
#define BREAK(address) made(&list, "brk", address, 0, 0, syscall(SYS_brk, address))

__attribute__((noinline)) size_t map_in_c(struct call *calls, size_t most)
{
	struct list list = { calls, 0, most };
	intptr_t page = sysconf(_SC_PAGESIZE), end = syscall(SYS_brk, 0), range, other, code;

	range = MAP(16 * page, PROT_READ | PROT_WRITE);
	other = MAP(page, PROT_NONE);
	code = MAP(2 * page, PROT_READ | PROT_EXEC);
	UNMAP(code, 2 * page);
	DROP(range, 4 * page);
	/* Not reported: advice of another kind. */
	syscall(SYS_madvise, range, page, MADV_NORMAL);
	range = REMAP(range, 16 * page, 64 * page);
	BREAK(end + 32 * page);
	BREAK(end);
	/* Refused, but for `other` itself: no size, no alignment, nothing there, below the heap. */
	MAP(0, PROT_READ);
	UNMAP(range + 1, page);
	UNMAP(other, page);
	REMAP(other, page, 2 * page);
	DROP(other, page);
	BREAK(page);
	UNMAP(range, 64 * page);
	return list.count;
}

__attribute__((noinline)) void hold_number(unsigned long milliseconds)
{
	struct timespec begin, now;
	unsigned long left;

	clock_gettime(CLOCK_MONOTONIC, &begin);
	do {
		left = 100000;
#if defined(__x86_64__)
		__asm__ volatile("mov $9, %%eax\n1: dec %0\n jnz 1b" : "+r"(left) : : "rax", "cc");
#else
		__asm__ volatile("mov x8, #222\n1: subs %0, %0, #1\n b.ne 1b"
				 : "+r"(left) : : "x8", "cc");
#endif
		clock_gettime(CLOCK_MONOTONIC, &now);
	} while ((now.tv_sec - begin.tv_sec) * 1000 + (now.tv_nsec - begin.tv_nsec) / 1000000 <
		 (long)milliseconds);
}
