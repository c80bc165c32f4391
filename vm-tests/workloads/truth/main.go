// truth does a little of everything that Sonde's probes see, and says exactly what it did: large Go
// objects, C allocations, first touches of pages, and all three from the depth of goroutines whose
// stacks have to grow. A reader would get wrong why it is so old-fashioned: the same source is built
// by every Go release from 1.15 on. It does nothing before its first command.
//
// Commands: "large N", "drop", "c N", "touch N" (pages), "churn N" (goroutines),
// "leak N" (blocks, while it goes on listening), "exit".
package main

/*
#cgo CFLAGS: -O2 -fomit-frame-pointer
#include "truth.h"
*/
import "C"

import (
	"bufio"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"syscall"
	"unsafe"
)

// Above this many bytes every release gives an object a span of its own (32760 since Go 1.22).
const largest = 32768

// An object is kept alive by one of the two.
type object struct {
	bytes    []byte
	pointers []*object
}

var (
	kept      []object
	pageBytes = os.Getpagesize()
)

//go:noinline
func largeBytes(size int) (unsafe.Pointer, []string) {
	made := object{bytes: make([]byte, size)}
	kept = append(kept, made)
	return unsafe.Pointer(&made.bytes[0]), callers()
}

//go:noinline
func largePointers(size int) (unsafe.Pointer, []string) {
	made := object{pointers: make([]*object, size/8)}
	kept = append(kept, made)
	return unsafe.Pointer(&made.pointers[0]), callers()
}

//go:noinline
func chooseKind(size int, pointerFree bool) (unsafe.Pointer, []string) {
	if pointerFree {
		return largeBytes(size)
	}
	return largePointers(size)
}

// inlined is small enough to be inlined by every release; its name is expected in stacks as well.
func inlined(size int, pointerFree bool) (unsafe.Pointer, []string) {
	return chooseKind(size, pointerFree)
}

//go:noinline
func large(count int) {
	for i := 0; i < count; i++ {
		size := largest + 8 + i*4096 + i%3*8
		address, functions := inlined(size, i%2 == 0)
		newLine("large").address("address", uintptr(address)).number("size", size).
			boolean("pointerFree", i%2 == 0).number("goid", goid()).words("functions", functions).print()
	}
	newLine("made").number("count", count).print()
}

func drop() {
	count := len(kept)
	for i := range kept {
		kept[i] = object{}
	}
	kept = kept[:0]
	runtime.GC()
	newLine("dropped").number("count", count).print()
}

//go:noinline
func mallocOf(size int) (unsafe.Pointer, []string) {
	return C.truth_malloc(C.size_t(size)), callers()
}

//go:noinline
func callocOf(size int) (unsafe.Pointer, []string) {
	return C.truth_calloc(1, C.size_t(size)), callers()
}

//go:noinline
func freeOf(memory unsafe.Pointer) { C.truth_free(memory) }

// allocations frees every second block, and keeps the others for ever.
//
//go:noinline
func allocations(count int) {
	for i := 0; i < count; i++ {
		size, made := 100+i*40, mallocOf
		caller := 0
		if i%4 >= 2 {
			made, caller = callocOf, 1
		}
		memory, functions := made(size)
		newLine("c").address("address", uintptr(memory)).number("size", size).
			address("caller", uintptr(C.truth_function(C.int(caller)))).
			boolean("freed", i%2 == 1).number("goid", goid()).
			number("tid", syscall.Gettid()).words("functions", functions).print()
		if i%2 == 1 {
			freeOf(memory)
		}
	}
	newLine("called").number("count", count).print()
}

// fresh maps pages that no one has touched; without huge pages, so that each has a fault of its own.
func fresh(pages int) []byte {
	memory, err := syscall.Mmap(-1, 0, pages*pageBytes, syscall.PROT_READ|syscall.PROT_WRITE,
		syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err != nil {
		fail("mmap: " + err.Error())
	}
	// A kernel without huge pages answers EINVAL, and has none to keep away.
	if err := syscall.Madvise(memory, 15); err != nil && err != syscall.EINVAL {
		fail("madvise: " + err.Error())
	}
	return memory
}

//go:noinline
func touchInGo(memory []byte) []string {
	for at := 0; at < len(memory); at += pageBytes {
		memory[at+8] = 1
	}
	return callers()
}

//go:noinline
func touchInC(memory []byte) []string {
	// As a number, because cgo would check a pointer in a closure of its own.
	first := C.uintptr_t(uintptr(unsafe.Pointer(&memory[0])))
	C.truth_touch(first, C.size_t(len(memory)/pageBytes), C.size_t(pageBytes))
	return callers()
}

//go:noinline
func touch(pages int) {
	for _, how := range []string{"go", "c"} {
		memory := fresh(pages)
		touched := touchInGo
		if how == "c" {
			touched = touchInC
		}
		functions := touched(memory)
		newLine("touched").word("how", how).address("address", uintptr(unsafe.Pointer(&memory[0]))).
			number("pages", pages).number("pageBytes", pageBytes).number("tid", syscall.Gettid()).
			words("functions", functions).print()
	}
	newLine("done").print()
}

func number(words []string) int {
	if len(words) < 2 {
		fail("a command lacks its number")
	}
	value, err := strconv.Atoi(words[1])
	if err != nil {
		fail("argument " + words[1] + " is not a number")
	}
	return value
}

func obey(words []string) {
	switch words[0] {
	case "large":
		large(number(words))
	case "drop":
		drop()
	case "c":
		allocations(number(words))
	case "touch":
		touch(number(words))
	case "leak":
		go leakUntil(number(words))
	case "churn":
		churn(number(words))
	default:
		fail("unknown command " + words[0])
	}
}

func main() {
	runtime.LockOSThread()
	// The collector runs only on command, so that no object dies at a time of its own choosing.
	debug.SetGCPercent(-1)
	// Made before any command, so that it never grows while a tracer counts.
	kept = make([]object, 0, 1024)
	newLine("ready").number("pid", os.Getpid()).word("release", runtime.Version()).print()
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		words := strings.Fields(lines.Text())
		if len(words) == 0 {
			continue
		}
		if words[0] == "exit" {
			return
		}
		obey(words)
	}
}
