// storm calls malloc and free as fast as it can: what a tracer's brake is for.
//
// Commands: "run N [SIZE]" does N pairs on each thread inside one call into C, and prints the pairs
// done, the nanoseconds taken, and the CPU time used. With -auto it storms for ever.
package main

/*
#cgo CFLAGS: -O2 -fomit-frame-pointer
#include "storm.h"
*/
import "C"

import (
	"flag"
	"sync"
	"syscall"
	"time"

	"sonde.test/workloads/line"
)

//go:noinline
func stormOnce(pairs, size int) { C.storm(C.size_t(pairs), C.size_t(size)) }

func stormOn(threads, pairs, size int) {
	var done sync.WaitGroup
	for i := 0; i < threads; i++ {
		done.Add(1)
		go func() {
			defer done.Done()
			stormOnce(pairs, size)
		}()
	}
	done.Wait()
}

func cpuNs() int64 {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		line.Fail("getrusage: %v", err)
	}
	return usage.Utime.Nano() + usage.Stime.Nano()
}

func main() {
	threads := flag.Int("threads", 1, "threads that storm")
	auto := flag.Bool("auto", false, "storm for ever, without commands")
	flag.Parse()
	for *auto {
		stormOn(*threads, 10000, 100)
	}
	line.Serve(map[string]func([]string){
		"run": func(words []string) {
			pairs, size := line.Number(words, 1, 1000), line.Number(words, 2, 100)
			start, cpuAtStart := time.Now(), cpuNs()
			stormOn(*threads, pairs, size)
			line.Print(map[string]any{
				"event": "ran", "pairs": pairs * *threads, "ns": time.Since(start).Nanoseconds(),
				"cpuNs": cpuNs() - cpuAtStart,
			})
		},
	})
}
