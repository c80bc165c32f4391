/* SPDX-License-Identifier: Apache-2.0 */
/* What main.go calls; see its head for the commands. */
#ifndef ROUNDS_H
#define ROUNDS_H

/* What one round does besides arithmetic. */
enum work { WORK_NONE, WORK_MALLOC, WORK_BACKTRACE, WORK_WANDER };

/* Processor time of the calling thread, ns. */
double cpu_ns(void);

/* Processor time of `count` rounds in ns, with `frames` frames of C up to the caller of malloc. */
double rounds_at(int frames, long count, enum work work);

#endif
