// golarge makes Go objects that have a span of their own and lets them die, and prints both. The
// garbage collector runs only on command, so that no object dies at a time of its own choosing.
//
// Commands: "alloc N" makes N objects and prints each; "drop" forgets them all, collects, and prints
// how many died; "small N" makes N objects of 64 bytes, which no probe of large objects may see.
package main

import (
	"flag"
	"math/rand"
	"runtime"
	"runtime/debug"
	"unsafe"

	"sonde.test/workloads/line"
)

// Above this many bytes the runtime gives an object a span of its own (since Go 1.22).
const largest = 32760

type object struct {
	bytes    []byte
	pointers []*object
}

var (
	kept []object
	sink *[64]byte
)

//go:noinline
func allocBytes(size int) []byte { return make([]byte, size) }

//go:noinline
func allocPointers(count int) []*object { return make([]*object, count) }

//go:noinline
func makeOne(size int, pointerFree bool) {
	made := object{}
	var address unsafe.Pointer
	if pointerFree {
		made.bytes = allocBytes(size)
		address = unsafe.Pointer(&made.bytes[0])
	} else {
		size = size &^ 7
		made.pointers = allocPointers(size / 8)
		address = unsafe.Pointer(&made.pointers[0])
	}
	kept = append(kept, made)
	line.Print(map[string]any{
		"event": "large", "address": line.Hex(uintptr(address)), "size": size,
		"pointerFree": pointerFree,
	})
}

//go:noinline
func alloc(count int, random *rand.Rand) {
	for i := 0; i < count; i++ {
		makeOne(largest+8+random.Intn(1<<20), random.Intn(2) == 0)
	}
	line.Print(map[string]any{"event": "allocated", "count": count})
}

func drop() {
	count := len(kept)
	clear(kept)
	kept = kept[:0]
	runtime.GC()
	line.Print(map[string]any{"event": "dropped", "count": count})
}

//go:noinline
func small(count int) {
	for i := 0; i < count; i++ {
		sink = new([64]byte)
	}
	line.Print(map[string]any{"event": "small", "count": count})
}

func main() {
	seed := flag.Int64("seed", 1, "what the sizes follow from")
	flag.Parse()
	debug.SetGCPercent(-1)
	random := rand.New(rand.NewSource(*seed))
	// Made before any command, so that it never grows while a tracer counts.
	kept = make([]object, 0, 4096)
	line.Serve(map[string]func([]string){
		"alloc": func(words []string) { alloc(line.Number(words, 1, 10), random) },
		"drop":  func([]string) { drop() },
		"small": func(words []string) { small(line.Number(words, 1, 1000)) },
	})
}
