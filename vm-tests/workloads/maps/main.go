// maps changes its own address space, in C code ("c") and in Go code ("go"), and prints each call as a
// tracer should see it: the range, what it may be used for, and the error where it was refused.
// "signals" interrupts code that only looks like a system call of that kind.
package main

/*
#cgo CFLAGS: -O2 -fomit-frame-pointer
#include "maps.h"
*/
import "C"

import (
	"os"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
	"unsafe"

	"sonde.test/workloads/line"
)

// heapStart is where brk's heap begins: field 47 of proc(5) stat, behind the name in brackets.
func heapStart() uint64 {
	text, err := os.ReadFile("/proc/self/stat")
	if err != nil {
		line.Fail("%v", err)
	}
	fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
	start, err := strconv.ParseUint(fields[47-3], 10, 64)
	if err != nil {
		line.Fail("%v", err)
	}
	return start
}

type change struct {
	Call       string `json:"call"`
	Address    string `json:"address"`
	Bytes      int64  `json:"bytes"`
	OldAddress string `json:"oldAddress"`
	OldBytes   int64  `json:"oldBytes"`
	Error      int64  `json:"error"`
	Protection int64  `json:"protection"`
}

func asSeen(call C.struct_call, heap uint64) change {
	arg := func(index int) int64 { return int64(call.arg[index]) }
	hex := func(address int64) string { return line.Hex(uintptr(address)) }
	result, failed := int64(call.result), int64(0)
	if result < 0 {
		result, failed = 0, result
	}
	seen := change{Call: C.GoString(call.name), Address: hex(arg(0)), Bytes: arg(1), OldAddress: "0x0",
		Error: failed}
	switch seen.Call {
	case "mmap":
		seen.Address, seen.Protection = hex(result), arg(2)
	case "mremap":
		seen.Address, seen.Bytes = hex(result), arg(2)
		seen.OldAddress, seen.OldBytes = hex(arg(0)), arg(1)
	case "brk":
		// It returns the end that there is; another one than was asked for means no.
		seen.Address, seen.Bytes = hex(int64(heap)), result-int64(heap)
		if result != arg(0) {
			seen.Error = -int64(syscall.ENOMEM)
		}
	}
	return seen
}

func inC([]string) {
	calls := make([]C.struct_call, 64)
	count := int(C.map_in_c((*C.struct_call)(unsafe.Pointer(&calls[0])), C.size_t(len(calls))))
	heap := heapStart()
	seen := make([]change, count)
	for i := range seen {
		seen[i] = asSeen(calls[i], heap)
	}
	line.Print(map[string]any{"event": "mapped", "changes": seen})
}

//go:noinline
func mapInGo(bytes int) change {
	memory, err := syscall.Mmap(-1, 0, bytes, syscall.PROT_READ|syscall.PROT_WRITE,
		syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err != nil {
		line.Fail("mmap: %v", err)
	}
	return change{Call: "mmap", Address: line.Hex(uintptr(unsafe.Pointer(&memory[0]))),
		Bytes: int64(bytes), OldAddress: "0x0", Protection: syscall.PROT_READ | syscall.PROT_WRITE}
}

func inGo([]string) {
	seen := []change{mapInGo(3 * os.Getpagesize()), mapInGo(5 * os.Getpagesize())}
	line.Print(map[string]any{"event": "mapped", "changes": seen})
}

// signalsSent is how often C code that holds the number of mmap is interrupted.
const signalsSent = 20

// whileSignalled holds the number until all signals are sent, however little of a CPU there is.
func whileSignalled([]string) {
	thread, done := syscall.Gettid(), make(chan bool)
	go func() {
		for range signalsSent {
			time.Sleep(5 * time.Millisecond)
			// The runtime's own signal for preemption, which its handler ignores in C code.
			if err := syscall.Tgkill(os.Getpid(), thread, syscall.SIGURG); err != nil {
				line.Fail("tgkill: %v", err)
			}
		}
		close(done)
	}()
	for {
		C.hold_number(20)
		select {
		case <-done:
			line.Print(map[string]any{"event": "held", "signals": signalsSent})
			return
		default:
		}
	}
}

func main() {
	runtime.LockOSThread()
	line.Serve(map[string]func([]string){"c": inC, "go": inGo, "signals": whileSignalled})
}
