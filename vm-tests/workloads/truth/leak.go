// A leak of C memory at a known rate: blocks that are allocated, written to and forgotten, for the
// verdict on a program of any release. What is lost so far is printed as it grows.
package main

/*
#include "truth.h"
*/
import "C"

import (
	"time"
	"unsafe"
)

const leakBlockBytes = 16384

//go:noinline
func leakOne() {
	memory := C.truth_malloc(leakBlockBytes)
	for at := uintptr(0); at < leakBlockBytes; at += 4096 {
		*(*byte)(unsafe.Pointer(uintptr(memory) + at)) = 1
	}
}

//go:noinline
func leakUntil(blocks int) {
	for block := 1; block <= blocks; block++ {
		leakOne()
		if block%10 == 0 {
			newLine("leaking").number("lostBytes", block*leakBlockBytes).print()
		}
		time.Sleep(20 * time.Millisecond)
	}
}
