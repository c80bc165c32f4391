/**
 * A C program that copies its own stack and registers in several awkward places and says what the
 * C library's own unwinder finds there. What a reader would get wrong: it is built without frame
 * pointers, so that only call frame information leads from frame to frame.
 */
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

const SOURCE = `
#define _GNU_SOURCE
#include <alloca.h>
#include <execinfo.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>

#define COPY_BYTES 16384
static unsigned char copy[COPY_BYTES];

/* Registers by DWARF number, the stack from the stack pointer on, and what backtrace() says. */
__attribute__((noinline)) static void dump(const char *name)
{
	volatile char room[COPY_BYTES / 4];
	ucontext_t context;
	void *frames[64];
	uint64_t sp;
	int count, i;

	room[0] = 0;
	getcontext(&context);
#if defined(__x86_64__)
	static const int dwarf[] = { REG_RAX, REG_RDX, REG_RCX, REG_RBX, REG_RSI, REG_RDI, REG_RBP,
		REG_RSP, REG_R8, REG_R9, REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15, REG_RIP };
	sp = context.uc_mcontext.gregs[REG_RSP];
#else
	sp = context.uc_mcontext.sp;
#endif
	uint64_t room_left = (uint64_t)__libc_stack_end_of_thread() - sp;
	size_t length = room_left < COPY_BYTES ? room_left : COPY_BYTES;
	memcpy(copy, (void *)sp, length);
	count = backtrace(frames, 64);
	printf("{\\"name\\":\\"%s\\",\\"sp\\":%llu,\\"registers\\":[", name, (unsigned long long)sp);
#if defined(__x86_64__)
	for (i = 0; i < 17; i++)
		printf("%s\\"%llx\\"", i ? "," : "",
		       (unsigned long long)context.uc_mcontext.gregs[dwarf[i]]);
	printf("],\\"pc\\":%llu", (unsigned long long)context.uc_mcontext.gregs[REG_RIP]);
#else
	for (i = 0; i < 31; i++)
		printf("%s\\"%llx\\"", i ? "," : "", (unsigned long long)context.uc_mcontext.regs[i]);
	printf(",\\"%llx\\"],\\"pc\\":%llu", (unsigned long long)sp,
	       (unsigned long long)context.uc_mcontext.pc);
#endif
	printf(",\\"frames\\":[");
	for (i = 1; i < count; i++)
		printf("%s%llu", i > 1 ? "," : "", (unsigned long long)(uintptr_t)frames[i]);
	printf("],\\"copy\\":\\"");
	for (size_t at = 0; at < length; at++)
		printf("%02x", copy[at]);
	printf("\\"}\\n");
}

static int compare(const void *a, const void *b)
{
	static int once;
	int difference = *(const int *)a - *(const int *)b;

	if (!once++)
		dump("qsort callback");
	return difference;
}

__attribute__((noinline)) static int variable(int n)
{
	volatile char *room = alloca(n * 16 + 32);

	room[0] = (char)n;
	dump("alloca");
	return room[0] + n;
}

__attribute__((noinline)) static int deep(int n)
{
	volatile int local = n;
	int below;

	if (n == 0) {
		dump("deep");
		return 0;
	}
	below = deep(n - 1);
	return below + local;
}

struct wide { double lanes[4]; } __attribute__((aligned(64)));

__attribute__((noinline)) static double realigned(double x, int n)
{
	volatile struct wide wide = { { x } };
	volatile char *room = alloca(n + 64);

	room[0] = 1;
	dump("realigned");
	return wide.lanes[0] + room[0];
}

static void on_signal(int number)
{
	(void)number;
	dump("signal");
}

static void *on_thread(void *unused)
{
	dump("thread");
	return unused;
}

int main(void)
{
	int values[] = { 3, 1, 2, 5, 4 };
	pthread_t thread;
	void *warm[2];

	/* The first call loads the unwinder's library. */
	backtrace(warm, 2);
	qsort(values, 5, sizeof(*values), compare);
	variable(5);
	deep(9);
	realigned(1.5, 9);
	signal(SIGUSR1, on_signal);
	raise(SIGUSR1);
	pthread_create(&thread, NULL, on_thread, NULL);
	pthread_join(thread, NULL);
	printf("{\\"maps\\":[");
	FILE *maps = fopen("/proc/self/maps", "r");
	char line[4096];
	for (int first = 1; fgets(line, sizeof(line), maps); first = 0) {
		line[strcspn(line, "\\n")] = 0;
		printf("%s\\"%s\\"", first ? "" : ",", line);
	}
	printf("]}\\n");
	return 0;
}
`;

/** Where a thread's stack ends; the program may copy no further. */
const STACK_END = `
#include <pthread.h>
static void *__libc_stack_end_of_thread(void)
{
	pthread_attr_t attributes;
	void *start;
	size_t length;

	pthread_getattr_np(pthread_self(), &attributes);
	pthread_attr_getstack(&attributes, &start, &length);
	pthread_attr_destroy(&attributes);
	return (char *)start + length;
}
`;

/** One place at which the program looked at itself. */
export interface SelfCopy {
  readonly name: string;
  readonly sp: number;
  readonly pc: number;
  /** Hexadecimal values by DWARF register number. */
  readonly registers: readonly string[];
  /** What backtrace() returned, without the first entry, which is the place itself. */
  readonly frames: readonly number[];
  /** Hexadecimal bytes from sp on. */
  readonly copy: string;
}

/** What the program printed. */
export interface SelfCopies {
  readonly copies: readonly SelfCopy[];
  /** Lines of /proc/self/maps. */
  readonly maps: readonly string[];
}

/**
 * Builds the program in a folder with these compiler flags and runs it; the folder must outlive
 * whoever reads the program. Throws the compiler's error.
 */
export function runSelfCopyingProgram(folder: string, flags: readonly string[]): SelfCopies {
  const source = join(folder, 'program.c');
  const binary = join(folder, 'program');
  const [head, ...body] = SOURCE.split('#define COPY_BYTES');
  writeFileSync(source, `${head}${STACK_END}#define COPY_BYTES${body.join('#define COPY_BYTES')}`);
  const args = ['-O2', '-fomit-frame-pointer', '-pthread', ...flags, '-o', binary, source];
  execFileSync('gcc', args, { stdio: ['ignore', 'ignore', 'pipe'] });
  const options = { encoding: 'utf8' as const, maxBuffer: 1 << 26 };
  const lines = execFileSync(binary, options).trim().split('\n');
  const last = JSON.parse(lines.pop()!) as { maps: string[] };
  return { copies: lines.map(line => JSON.parse(line) as SelfCopy), maps: last.maps };
}
