// nested allocates deep inside C code that has no frame pointers, in the ways that are awkward for
// an unwinder, and prints for each allocation the stack that the C library's own unwinder saw.
//
// Command: "take ROUNDS" allocates by every way, "release" frees all of it.
package main

/*
#cgo CFLAGS: -O2 -fomit-frame-pointer
#cgo LDFLAGS: -pthread
#include "nested.h"

void go_called_back(int depth);
*/
import "C"

import "sonde.test/workloads/line"

//export goBetween
func goBetween(depth C.int) {
	callBack(depth)
}

//go:noinline
func callBack(depth C.int) {
	C.go_called_back(depth)
}

//go:noinline
func takeAll(round int) {
	C.take_deep(C.int(round % 12))
	C.take_alloca(C.int(16 * (round % 9)))
	C.take_realigned(C.int(16 * (round % 5)))
	C.take_sorted(40)
	C.take_copied(C.int(round % 7))
	C.take_printed(C.int(round % 5))
	C.take_thread(C.int(round % 4))
	C.take_through_go(C.int(round % 6))
	C.take_signal(C.int(round % 3))
	C.take_large_frame(C.int(round))
}

//go:noinline
func takeRounds(rounds int) {
	for round := 0; round < rounds; round++ {
		takeAll(round)
	}
}

func report() {
	for i := 0; i < int(C.take_count); i++ {
		take := C.takes[i]
		frames := make([]string, 0, int(take.count))
		for j := 0; j < int(take.count); j++ {
			frames = append(frames, line.Hex(uintptr(take.frames[j])))
		}
		line.Print(map[string]any{
			"event": "took", "kind": C.GoString(take.kind), "frames": frames,
			"address": line.Hex(uintptr(take.address)), "library": take.library != 0,
		})
	}
}

func main() {
	C.warm_up()
	line.Serve(map[string]func([]string){
		"take": func(words []string) {
			takeRounds(line.Number(words, 1, 12))
			report()
			line.Print(map[string]any{"event": "taken", "count": int(C.take_count)})
		},
		"release": func([]string) {
			C.release_all()
			line.Print(map[string]any{"event": "released"})
		},
	})
}
