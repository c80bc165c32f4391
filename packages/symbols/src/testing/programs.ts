/**
 * Sources of the test programs. What a reader would get wrong: functions that must keep their own
 * frame say `//go:noinline`, and those that must be inlined stay small.
 */

/**
 * Prints, as JSON lines, its own program counters with the frames that Go itself names for them,
 * then on each line of standard input its memory figures. Argument 1: bytes of heap to hold.
 */
export const SELF_DESCRIBING = `package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"syscall"
	"unsafe"
)

type frame struct {
	Function string
	File     string
	Line     int
}

type line struct {
	Pcs    []string
	Frames []frame
}

//go:noinline
func capture() {
	pcs := make([]uintptr, 32)
	pcs = pcs[:runtime.Callers(1, pcs)]
	out := line{}
	for _, pc := range pcs {
		out.Pcs = append(out.Pcs, fmt.Sprintf("0x%x", pc))
	}
	frames := runtime.CallersFrames(pcs)
	for {
		f, more := frames.Next()
		out.Frames = append(out.Frames, frame{f.Function, f.File, f.Line})
		if !more {
			break
		}
	}
	text, _ := json.Marshal(out)
	fmt.Println(string(text))
}

func inner()  { capture() }
func middle() { inner() }

//go:noinline
func outer() { middle() }

type box[T any] struct{ value T }

//go:noinline
func (b *box[T]) generic(f func()) { f() }

var held [][]byte

func main() {
	debug.SetGCPercent(-1)
	outer()
	(&box[int]{}).generic(func() { capture() })
	size, _ := strconv.Atoi(os.Args[1])
	for i := 0; i < size; i += 1 << 16 {
		held = append(held, make([]byte, 1<<16))
	}
	region, err := syscall.Mmap(-1, 0, 4<<20, syscall.PROT_READ|syscall.PROT_WRITE,
		syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err != nil {
		panic(err)
	}
	for i := 0; i < 1<<20; i += 4096 {
		region[i] = 1
	}
	runtime.GC()
	runtime.GC()
	stats := runtime.MemStats{}
	input := bufio.NewScanner(os.Stdin)
	fmt.Println("ready")
	for input.Scan() {
		runtime.ReadMemStats(&stats)
		fmt.Printf("{\\"region\\":\\"0x%x\\",\\"heapInuse\\":%d,\\"heapIdle\\":%d,"+
			"\\"heapReleased\\":%d,\\"stackInuse\\":%d,\\"numGC\\":%d}\\n",
			uintptr(unsafe.Pointer(&region[0])), stats.HeapInuse, stats.HeapIdle,
			stats.HeapReleased, stats.StackInuse, stats.NumGC)
	}
}
`;

const GENERIC = /type box\[T any\][^]*?\n\n[^]*?\n\n/;

/** {@link SELF_DESCRIBING} for a release such as `go1.17.13`: without generics before 1.18. */
export function selfDescribing(release: string): string {
  if (Number(/^go1\.(\d+)/.exec(release)?.[1]) >= 18) return SELF_DESCRIBING;
  return SELF_DESCRIBING.replace(GENERIC, '').replace(/\t\(&box\[int\]\{\}\).*\n/, '');
}

/** Calls malloc and free through cgo, then waits for standard input to end. */
export const CGO = `package main

/*
#include <stdlib.h>
#include <string.h>
__thread long tls[4];
static void *take(int n) { void *p = malloc(n); memset(p, 1, n); tls[0]++; return p; }
*/
import "C"
import (
	"fmt"
	"os"
)

func main() {
	C.free(C.take(1000))
	fmt.Println("ready")
	for buffer := make([]byte, 64); ; {
		if n, err := os.Stdin.Read(buffer); n == 0 || err != nil {
			return
		}
	}
}
`;
