// The program whose DWARF the tables are read from. It only has to make the linker keep the
// runtime types that the tables name: a type that nothing reaches has no DWARF.
package main

import (
	"fmt"
	"runtime"
	"runtime/pprof"
)

func main() {
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	records := make([]runtime.MemProfileRecord, 64)
	n, _ := runtime.MemProfile(records, true)
	done := make(chan int)
	go func() { done <- n }()
	select {
	case v := <-done:
		fmt.Println(v, stats.HeapInuse, pprof.Lookup("goroutine") != nil)
	}
}
