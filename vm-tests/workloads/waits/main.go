// waits makes one thread wait in ways of known reason, number and length, so that a tracer of blocked
// time can be compared with it.
//
// Commands: "sleep N MS" and "child N MS" (for a child, as vfork does) in C code, "go N MS" in a system call
// that Go code makes; each prints how long every wait took by the program's own clock. "spin MS"
// computes beside another thread on one CPU and waits for nothing. The thread is the main one.
package main

/*
#cgo CFLAGS: -O2 -fomit-frame-pointer
#include "waits.h"
*/
import "C"

import (
	"runtime"
	"syscall"
	"time"

	"sonde.test/workloads/line"
)

func waited(how string, tid int, took []int64) {
	line.Print(map[string]any{"event": "waited", "how": how, "tid": tid, "tookNs": took})
}

//go:noinline
func waitInGo(times, ms int) []int64 {
	took := make([]int64, times)
	for i := range took {
		began := time.Now()
		sleep := syscall.NsecToTimespec(int64(ms) * 1e6)
		if err := syscall.Nanosleep(&sleep, nil); err != nil {
			line.Fail("nanosleep: %v", err)
		}
		took[i] = time.Since(began).Nanoseconds()
	}
	return took
}

func inC(how string, wait func(C.size_t, C.long, *C.longlong) C.int) func([]string) {
	return func(words []string) {
		took := make([]int64, line.Number(words, 1, 5))
		tid := wait(C.size_t(len(took)), C.long(line.Number(words, 2, 20)), (*C.longlong)(&took[0]))
		waited(how, int(tid), took)
	}
}

func init() {
	// In init, so that it is the main thread.
	runtime.LockOSThread()
}

func main() {
	line.Serve(map[string]func([]string){
		"sleep": inC("sleep", func(times C.size_t, ms C.long, took *C.longlong) C.int {
			return C.wait_asleep(times, ms, took)
		}),
		"child": inC("child", func(times C.size_t, ms C.long, took *C.longlong) C.int {
			return C.wait_for_child(times, ms, took)
		}),
		"go": func(words []string) {
			took := waitInGo(line.Number(words, 1, 5), line.Number(words, 2, 20))
			waited("go", syscall.Gettid(), took)
		},
		"spin": func(words []string) {
			tid := C.share_cpu(C.long(line.Number(words, 1, 100)))
			waited("spin", int(tid), []int64{})
		},
	})
}
