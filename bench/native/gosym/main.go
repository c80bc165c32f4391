// Symbolizes addresses with Go's own debug/gosym: the baseline of the symbolize benchmark.
// Arguments: the program, and a file of little-endian 64-bit addresses. Prints one line: open ms,
// resident bytes after opening, ns for each address, and how many addresses had a line.
package main

import (
	"debug/elf"
	"debug/gosym"
	"encoding/binary"
	"fmt"
	"os"
	"runtime"
	"strings"
	"time"
)

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "gosym:", err)
		os.Exit(1)
	}
}

func residentBytes() uint64 {
	text, err := os.ReadFile("/proc/self/statm")
	check(err)
	var size, resident uint64
	fmt.Sscan(string(text), &size, &resident)
	return resident * uint64(os.Getpagesize())
}

func main() {
	raw, err := os.ReadFile(os.Args[2])
	check(err)
	runtime.GC()
	before := residentBytes()
	start := time.Now()
	file, err := elf.Open(os.Args[1])
	check(err)
	var data []byte
	for _, section := range file.Sections {
		if strings.HasSuffix(section.Name, ".gopclntab") {
			data, err = section.Data()
			check(err)
		}
	}
	table, err := gosym.NewTable(nil, gosym.NewLineTable(data, file.Section(".text").Addr))
	check(err)
	opened := time.Since(start)
	memory := residentBytes() - before
	start = time.Now()
	named := 0
	for at := 0; at+8 <= len(raw); at += 8 {
		if _, line, fn := table.PCToLine(binary.LittleEndian.Uint64(raw[at:])); fn != nil && line > 0 {
			named++
		}
	}
	spent := time.Since(start)
	count := len(raw) / 8
	fmt.Printf("%.2f %d %.1f %d\n", float64(opened.Microseconds())/1000, memory,
		float64(spent.Nanoseconds())/float64(count), named)
}
