// callocs calls every allocator of the C library once, the awkward cases included, and prints each
// call with what it gave. All calls are made on one locked thread.
package main

/*
#cgo CFLAGS: -O2 -fomit-frame-pointer
#include "calls.h"
*/
import "C"

import (
	"runtime"
	"unsafe"

	"sonde.test/workloads/line"
)

type call struct {
	Event    string `json:"event"`
	Function string `json:"function"`
	Case     string `json:"case"`
	// Bytes asked for; for count × size, the product.
	Size uint64 `json:"size"`
	// What was given to realloc, reallocarray or free.
	Old string `json:"old,omitempty"`
	// What the caller got, 0x0 for nothing.
	Address string `json:"address,omitempty"`
	// What malloc_usable_size says about it.
	Usable uint64 `json:"usable,omitempty"`
}

func report(function, about string, size uint64, old, got unsafe.Pointer) unsafe.Pointer {
	made := call{Event: "call", Function: function, Case: about, Size: size}
	if old != nil {
		made.Old = line.Hex(uintptr(old))
	}
	if function != "free" {
		made.Address = line.Hex(uintptr(got))
	}
	if got != nil {
		made.Usable = uint64(C.usable_size(got))
	}
	line.Print(made)
	return got
}

//go:noinline
func free(about string, memory unsafe.Pointer) {
	C.call_free(memory)
	report("free", about, 0, memory, nil)
}

//go:noinline
func realloc(about string, old unsafe.Pointer, size uint64) unsafe.Pointer {
	return report("realloc", about, size, old, C.call_realloc(old, C.size_t(size)))
}

//go:noinline
func reallocarray(about string, old unsafe.Pointer, count, size uint64) unsafe.Pointer {
	got := C.call_reallocarray(old, C.size_t(count), C.size_t(size))
	return report("reallocarray", about, count*size, old, got)
}

func plain() {
	free("of malloc", report("malloc", "plain", 100, nil, C.call_malloc(100)))
	report("malloc", "kept", 3000, nil, C.call_malloc(3000))
	free("of malloc(0)", report("malloc", "zero", 0, nil, C.call_malloc(0)))
	free("of nothing", nil)
	report("malloc", "too large", 1<<60, nil, C.call_malloc(1<<60))
	free("of a mapped block", report("malloc", "mapped", 1<<21, nil, C.call_malloc(1<<21)))
	report("calloc", "kept", 21*33, nil, C.call_calloc(21, 33))
	report("calloc", "overflow", 0, nil, C.call_calloc(1<<33, 1<<32))
}

func reallocs() {
	grown := realloc("of nothing", nil, 200)
	grown = realloc("in place", grown, 204)
	// A neighbour keeps the block from growing where it is.
	neighbour := report("malloc", "neighbour", 64, nil, C.call_malloc(64))
	grown = realloc("moved", grown, 100000)
	realloc("too large", grown, 1<<60)
	realloc("to zero", grown, 0)
	free("of the neighbour", neighbour)
	rows := reallocarray("of nothing", nil, 10, 20)
	rows = reallocarray("grown", rows, 1000, 50)
	reallocarray("overflow", rows, 1<<33, 1<<32)
	free("of reallocarray", rows)
}

func aligned() {
	report("posixMemalign", "kept", 500, nil, C.call_posix_memalign(64, 500))
	report("posixMemalign", "bad alignment", 500, nil, C.call_posix_memalign(3, 500))
	report("alignedAlloc", "kept", 512, nil, C.call_aligned_alloc(256, 512))
	report("alignedAlloc", "small alignment", 48, nil, C.call_aligned_alloc(8, 48))
	report("memalign", "kept", 700, nil, C.call_memalign(128, 700))
	report("valloc", "kept", 900, nil, C.call_valloc(900))
	free("of pvalloc", report("pvalloc", "plain", 1100, nil, C.call_pvalloc(1100)))
}

var inside unsafe.Pointer

//export innerCall
func innerCall() { inside = C.call_malloc(122) }

//go:noinline
func nest() {
	var before, after unsafe.Pointer
	C.call_nested(&before, &after)
	line.Print(map[string]any{
		"event": "nested", "before": line.Hex(uintptr(before)), "inside": line.Hex(uintptr(inside)),
		"after": line.Hex(uintptr(after)),
	})
}

func main() {
	runtime.LockOSThread()
	before := report("malloc", "before the attach", 777, nil, C.call_malloc(777))
	line.Serve(map[string]func([]string){
		"nest": func([]string) { nest() },
		"run": func([]string) {
			free("from before the attach", before)
			plain()
			reallocs()
			aligned()
			line.Print(map[string]any{"event": "done"})
		},
	})
}
