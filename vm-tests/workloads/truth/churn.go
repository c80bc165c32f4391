// Goroutines that begin with the smallest stack and grow it at every depth, under whatever a tracer
// has put into the allocators' code: what kills a program whose stacks cannot be moved.
package main

/*
#include "truth.h"
*/
import "C"

import (
	"sync"
)

var churned sync.WaitGroup

// descend takes some 200 bytes of stack for each step, and allocates at the bottom: Go and C memory
// at a depth at which the stack was just copied, or is about to be.
//
//go:noinline
func descend(depth, seed int) byte {
	var room [160]byte
	room[seed&127] = byte(depth)
	if depth == 0 {
		return churnBottom(seed) + room[seed&63]
	}
	return descend(depth-1, seed) + room[depth&127]
}

//go:noinline
func churnBottom(seed int) byte {
	memory := C.truth_malloc(C.size_t(64 + seed%512))
	*(*byte)(memory) = byte(seed)
	made := churnLarge(largest + 8 + seed%8192)
	made[seed%largest] = *(*byte)(memory)
	C.truth_free(memory)
	return made[seed%largest]
}

//go:noinline
func churnLarge(size int) []byte { return make([]byte, size) }

// A goroutine descends to growing depths, 1 to 64 steps: some 200 bytes to 13 KiB of stack.
func goroutine(number int) {
	defer churned.Done()
	descend(number*7%64, number)
	descend(number*13%64+1, number+1)
}

// spanBytes is what the heap sets aside for a large object: whole pages of 8 KiB.
func spanBytes(size int) int { return (size + 8191) &^ 8191 }

//go:noinline
func churn(goroutines int) {
	bytes := 0
	// A few at a time, so that threads are made and reused.
	for first := 0; first < goroutines; first += 8 {
		for number := first; number < first+8 && number < goroutines; number++ {
			churned.Add(1)
			bytes += spanBytes(largest+8+number%8192) + spanBytes(largest+8+(number+1)%8192)
			go goroutine(number)
		}
		churned.Wait()
	}
	newLine("churned").number("objects", 2*goroutines).number("blocks", 2*goroutines).
		number("spanBytes", bytes).print()
}
