/* SPDX-License-Identifier: Apache-2.0 */
#include <stddef.h>
#include <stdint.h>

/* One system call as it was made, and what it returned: an address, 0, or minus an error number. */
struct call {
	const char *name;
	intptr_t arg[3];
	intptr_t result;
};

/* Makes calls of every kind, some of which fail; returns how many, at most `most`. */
size_t map_in_c(struct call *calls, size_t most);

/*
 * Computes for so many milliseconds with the number of mmap in the register in which a system call
 * has its number: what a signal handler returns to is no system call, whatever stands there.
 */
void hold_number(unsigned long milliseconds);
