// touch maps fresh memory and touches it page by page, in the ways that a tracer of page faults must
// tell apart or cannot see. Every touched range is printed.
//
// Commands, each with a number of pages: "write" and "read" by Go code, "c" by C code, "kernel" by
// read(2) into the pages, "heap" by the Go runtime itself, "again" writes, drops and writes once more.
// "callback" and "callback-heap" do it in Go code that C code called back, which Go code had called.
package main

/*
#cgo CFLAGS: -O2 -fomit-frame-pointer
#include "touch.h"
*/
import "C"

import (
	"os"
	"runtime"
	"syscall"
	"unsafe"

	"sonde.test/workloads/line"
)

var (
	pageBytes = os.Getpagesize()
	sink      byte
	heap      [][]byte
)

// fresh maps pages that no one has touched; without huge pages, so that each has a fault of its own.
func fresh(pages int) []byte {
	memory, err := syscall.Mmap(-1, 0, pages*pageBytes, syscall.PROT_READ|syscall.PROT_WRITE,
		syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err != nil {
		line.Fail("mmap %d pages: %v", pages, err)
	}
	// A kernel without huge pages answers EINVAL, and has none to keep away.
	if err := syscall.Madvise(memory, syscall.MADV_NOHUGEPAGE); err != nil && err != syscall.EINVAL {
		line.Fail("madvise: %v", err)
	}
	return memory
}

//go:noinline
func writePages(memory []byte) {
	for at := 0; at < len(memory); at += pageBytes {
		memory[at+8] = 1
	}
}

//go:noinline
func readPages(memory []byte) {
	for at := 0; at < len(memory); at += pageBytes {
		sink += memory[at+8]
	}
}

func touched(how string, memory []byte, times int) {
	line.Print(map[string]any{
		"event": "touched", "how": how, "times": times, "pageBytes": pageBytes,
		"address": line.Hex(uintptr(unsafe.Pointer(&memory[0]))), "pages": len(memory) / pageBytes,
	})
}

func kernelPages(memory []byte) {
	zero, err := os.Open("/dev/zero")
	if err != nil {
		line.Fail("%v", err)
	}
	defer zero.Close()
	for at := 0; at < len(memory); at += pageBytes {
		if _, err := syscall.Read(int(zero.Fd()), memory[at+8:at+16]); err != nil {
			line.Fail("read: %v", err)
		}
	}
}

// pending is what the next callback from C runs.
var pending func()

//export goPending
func goPending() {
	calledBack()
}

//go:noinline
func calledBack() {
	pending()
	sink++
}

//go:noinline
func throughC(work func()) {
	pending = work
	C.call_back(2)
}

//go:noinline
func growHeap(pages int) []byte {
	memory := make([]byte, pages*pageBytes)
	heap = append(heap, memory)
	return memory
}

func command(how string, touch func(memory []byte), times int) func([]string) {
	return func(words []string) {
		memory := fresh(line.Number(words, 1, 10))
		touch(memory)
		touched(how, memory, times)
	}
}

// From here on the main goroutine stays on the main thread, whose id is the process's.
func init() {
	runtime.LockOSThread()
}

func main() {
	line.Serve(map[string]func([]string){
		"write": command("write", writePages, 1),
		"read":  command("read", readPages, 1),
		"c": command("c", func(memory []byte) {
			C.touch_pages((*C.char)(unsafe.Pointer(&memory[0])), C.size_t(len(memory)/pageBytes),
				C.size_t(pageBytes))
		}, 1),
		"kernel": command("kernel", kernelPages, 1),
		"again": command("again", func(memory []byte) {
			writePages(memory)
			if err := syscall.Madvise(memory, syscall.MADV_DONTNEED); err != nil {
				line.Fail("madvise: %v", err)
			}
			writePages(memory)
		}, 2),
		"callback": command("callback", func(memory []byte) {
			throughC(func() { writePages(memory) })
		}, 1),
		"heap": func(words []string) {
			memory := growHeap(line.Number(words, 1, 10))
			writePages(memory)
			touched("heap", memory, 1)
		},
		"callback-heap": func(words []string) {
			pages := line.Number(words, 1, 10)
			throughC(func() {
				memory := growHeap(pages)
				writePages(memory)
				touched("callback-heap", memory, 1)
			})
		},
	})
}
