// waits makes one thread wait in ways of known reason, number and length, so that a tracer of blocked
// time can be compared with it.
//
// Commands: "sleep N MS" and "child N MS" (for a child, as vfork does) in C code, "go N MS" in a system call
// that Go code makes; each prints when every wait began and how long it took. "spin MS"
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

	"sonde.test/workloads/line"
)

func waited(how string, tid int, waits []C.struct_wait) {
	began, took := make([]int64, len(waits)), make([]int64, len(waits))
	for i, wait := range waits {
		began[i], took[i] = int64(wait.began_ns), int64(wait.took_ns)
	}
	line.Print(map[string]any{"event": "waited", "how": how, "tid": tid, "beganNs": began, "tookNs": took})
}

//go:noinline
func waitInGo(times, ms int) []C.struct_wait {
	waits := make([]C.struct_wait, times)
	for i := range waits {
		waits[i].began_ns = C.now_ns()
		sleep := syscall.NsecToTimespec(int64(ms) * 1e6)
		if err := syscall.Nanosleep(&sleep, nil); err != nil {
			line.Fail("nanosleep: %v", err)
		}
		waits[i].took_ns = C.now_ns() - waits[i].began_ns
	}
	return waits
}

func inC(how string, wait func(C.size_t, C.long, *C.struct_wait) C.int) func([]string) {
	return func(words []string) {
		waits := make([]C.struct_wait, line.Number(words, 1, 5))
		tid := wait(C.size_t(len(waits)), C.long(line.Number(words, 2, 20)), &waits[0])
		waited(how, int(tid), waits)
	}
}

func init() {
	// In init, so that it is the main thread.
	runtime.LockOSThread()
}

func main() {
	line.Serve(map[string]func([]string){
		"sleep": inC("sleep", func(times C.size_t, ms C.long, waits *C.struct_wait) C.int {
			return C.wait_asleep(times, ms, waits)
		}),
		"child": inC("child", func(times C.size_t, ms C.long, waits *C.struct_wait) C.int {
			return C.wait_for_child(times, ms, waits)
		}),
		"go": func(words []string) {
			waits := waitInGo(line.Number(words, 1, 5), line.Number(words, 2, 20))
			waited("go", syscall.Gettid(), waits)
		},
		"spin": func(words []string) {
			tid := C.share_cpu(C.long(line.Number(words, 1, 100)))
			waited("spin", int(tid), nil)
		},
	})
}
