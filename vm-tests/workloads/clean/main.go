// clean is a service without a leak that is easily taken for one: it allocates and frees C memory at
// a high rate, keeps a bounded cache of it, and makes and forgets Go objects all the time.
//
// Commands: "run N" serves N requests. With -auto it serves for ever.
package main

/*
#cgo CFLAGS: -O2 -fomit-frame-pointer
#include "buffers.h"
*/
import "C"

import (
	"flag"
	"strings"
	"time"
	"unsafe"

	"sonde.test/workloads/line"
)

const cacheEntries = 256

// A cache keeps the newest packed answers in C memory.
type cache struct {
	entries [cacheEntries]unsafe.Pointer
	next    int
	packs   uint64
	drops   uint64
}

//go:noinline
func (c *cache) put(body []byte) {
	packed := C.buffer_pack(unsafe.Pointer(&body[0]), C.size_t(len(body)))
	c.packs++
	if old := c.entries[c.next]; old != nil {
		C.buffer_drop(old)
		c.drops++
	}
	c.entries[c.next] = packed
	c.next = (c.next + 1) % cacheEntries
}

//go:noinline
func render(number int) []byte {
	words := make([]string, 0, 64)
	for i := 0; i < 64; i++ {
		words = append(words, strings.Repeat("x", 1+(number+i)%23))
	}
	return []byte(strings.Join(words, " "))
}

//go:noinline
func (c *cache) serve(number int) {
	body := render(number)
	c.put(body)
	scratch := C.buffer_pack(unsafe.Pointer(&body[0]), C.size_t(len(body)))
	C.buffer_drop(scratch)
	c.packs++
	c.drops++
}

func main() {
	auto := flag.Bool("auto", false, "serve for ever, without commands")
	pause := flag.Duration("pause", 500*time.Microsecond, "sleep between requests with -auto")
	flag.Parse()
	kept := &cache{}
	for number := 0; *auto; number++ {
		kept.serve(number)
		time.Sleep(*pause)
	}
	line.Serve(map[string]func([]string){
		"run": func(words []string) {
			for number := 0; number < line.Number(words, 1, 1000); number++ {
				kept.serve(number)
			}
			line.Print(map[string]any{
				"event": "ran", "allocs": kept.packs, "frees": kept.drops,
				"held": kept.packs - kept.drops,
			})
		},
	})
}
