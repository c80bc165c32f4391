// SPDX-License-Identifier: Apache-2.0

// Paced loops for the cost of tracing. One command a line on standard input:
//
//	frames N     the C loops below run N frames of C below Go; at first 2
//	spin N       N rounds of arithmetic in C, called through cgo
//	malloc N     the same with malloc and free in each round
//	wander N     the same with malloc and free at the end of one of 2048 walks through a thousand functions
//	backtrace N  the same with a walk by libgcc's unwinder in each round
//	touch N      N rounds of arithmetic in Go
//	large N      the same with one 64 KiB Go object in each round
//	small N      N small Go objects, as an ordinary service makes them
//
// Each answers "N CPU_NS": processor time of the calling thread alone, so that a busy machine does
// not count. The difference between a loop and its idle twin, divided by N, is one round.
package main

// #cgo CFLAGS: -O2 -fomit-frame-pointer
// #include "rounds.h"
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
	frames    = 2
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

func inC(count int, work C.enum_work) float64 {
	return float64(C.rounds_at(C.int(frames), C.long(count), work))
}

func measure(command string, count int) float64 {
	before := float64(C.cpu_ns())
	switch command {
	case "frames":
		frames = count
	case "spin":
		return inC(count, C.WORK_NONE)
	case "malloc":
		return inC(count, C.WORK_MALLOC)
	case "wander":
		return inC(count, C.WORK_WANDER)
	case "backtrace":
		return inC(count, C.WORK_BACKTRACE)
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
