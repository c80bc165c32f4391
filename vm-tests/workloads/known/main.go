// known allocates deep inside C code whose callers follow from how it is written, so that it can be
// built with C libraries and compiler flags that leave an unwinder nothing to go by.
//
// Commands: "take ROUNDS" allocates by every way, "jump DEPTH" once by a function that jumps to
// malloc, "release" frees all of it.
package main

/*
#cgo CFLAGS: -O2 -fomit-frame-pointer
#cgo LDFLAGS: -pthread
#include "known.h"
*/
import "C"

import "sonde.test/workloads/line"

//go:noinline
func takeAll(round int) {
	depth := C.int(round % 5)
	C.take_deep(depth)
	C.take_alloca(depth)
	C.take_copied(depth)
	C.take_sorted(depth)
	C.take_thread(depth)
	C.take_signal(depth)
}

//go:noinline
func takeJumped(depth int) {
	C.take_jumped(C.int(depth))
}

//go:noinline
func takeRounds(rounds int) {
	for round := 0; round < rounds; round++ {
		takeAll(round)
	}
}

func main() {
	line.Serve(map[string]func([]string){
		"take": func(words []string) {
			takeRounds(line.Number(words, 1, 10))
			for i := 0; i < int(C.take_count); i++ {
				take := C.takes[i]
				line.Print(map[string]any{
					"event": "took", "kind": C.GoString(take.kind), "depth": int(take.depth),
					"address": line.Hex(uintptr(take.address)),
				})
			}
			line.Print(map[string]any{"event": "taken", "count": int(C.take_count)})
		},
		"jump": func(words []string) {
			takeJumped(line.Number(words, 1, 3))
			take := C.takes[C.take_count-1]
			line.Print(map[string]any{
				"event": "jumped", "address": line.Hex(uintptr(take.address)),
			})
		},
		"release": func([]string) {
			C.release_all()
			line.Print(map[string]any{"event": "released"})
		},
	})
}
