// SPDX-License-Identifier: Apache-2.0

// Paced loops for the cost of tracing. One command a line on standard input:
//
//	spin N     N rounds of arithmetic in C, called through cgo
//	malloc N   the same with malloc and free in each round
//	touch N    N rounds of arithmetic in Go
//	large N    the same with one 64 KiB Go object in each round
//	small N    N small Go objects, as an ordinary service makes them
//
// Each answers "N CPU_NS": processor time of the calling thread alone, so that a busy machine does
// not count. The difference between a loop and its idle twin, divided by N, is one round.
package main

/*
#include <stdint.h>
#include <stdlib.h>
#include <time.h>
static volatile uint64_t sink;
static double cpu_ns(void) {
	struct timespec t;
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return t.tv_sec * 1e9 + t.tv_nsec;
}
static double rounds(long count, int allocate) {
	double before = cpu_ns();
	for (long i = 0; i < count; i++) {
		for (int j = 0; j < 50; j++)
			sink += j;
		if (allocate) {
			void *p = malloc(64 + (i & 63));
			sink += (uintptr_t)p;
			free(p);
		}
	}
	return cpu_ns() - before;
}
*/
import "C"

import (
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
)

type node struct {
	next *node
	data [40]byte
}

var (
	keepLarge []byte
	keepSmall *node
	total     uint64
)

func spinGo() {
	for j := uint64(0); j < 50; j++ {
		total += j
	}
}

//go:noinline
func largeRounds(count int, allocate bool) {
	for i := 0; i < count; i++ {
		spinGo()
		if allocate {
			keepLarge = make([]byte, 64<<10)
		}
	}
}

//go:noinline
func smallRounds(count int) {
	for i := 0; i < count; i++ {
		spinGo()
		keepSmall = &node{}
	}
}

func measure(command string, count int) float64 {
	before := float64(C.cpu_ns())
	switch command {
	case "spin":
		return float64(C.rounds(C.long(count), 0))
	case "malloc":
		return float64(C.rounds(C.long(count), 1))
	case "touch":
		largeRounds(count, false)
	case "large":
		largeRounds(count, true)
	case "small":
		smallRounds(count)
	default:
		fmt.Fprintf(os.Stderr, "paced: unknown command %q\n", command)
		os.Exit(2)
	}
	return float64(C.cpu_ns()) - before
}

func main() {
	runtime.LockOSThread()
	if len(os.Args) > 1 && os.Args[1] == "nogc" {
		debug.SetGCPercent(-1)
	}
	fmt.Println("pid", os.Getpid())
	var command string
	var count int
	for {
		if n, _ := fmt.Scan(&command, &count); n != 2 {
			return
		}
		fmt.Printf("%d %.0f\n", count, measure(command, count))
	}
}
