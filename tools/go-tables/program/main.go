// The program whose DWARF the tables are read from. It only has to make the linker keep the
// runtime types that the tables name: a type that nothing reaches has no DWARF. It is built by
// every release from 1.15 on.
package main

import (
	"fmt"
	"os"
	"runtime"
	"runtime/pprof"
	"sync"
)

type node struct{ next *node }

func main() {
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	records := make([]runtime.MemProfileRecord, 64)
	n, _ := runtime.MemProfile(records, true)
	pool := sync.Pool{New: func() interface{} { return new(node) }}
	kept := pool.Get().(*node)
	runtime.SetFinalizer(kept, func(*node) {})
	pool.Put(kept)
	done := make(chan int)
	go func() { done <- n }()
	select {
	case v := <-done:
		fmt.Println(v, stats.HeapInuse)
	}
	if err := pprof.Lookup("goroutine").WriteTo(os.Stdout, 0); err != nil {
		os.Exit(1)
	}
}
