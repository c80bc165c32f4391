/**
 * The program that tests of `sonde snapshot` read: it leaks from known lines, parks goroutines in
 * every way that is common, and prints its own figures. What a reader would get wrong: it answers
 * `stats` with one Printf and nothing else, so that little changes between answer and snapshot.
 */

/** Go 1.15 and later. Answers `profile` and `stats` with a line of JSON each. */
export const SNAPSHOT_PROGRAM = `package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"runtime"
	"runtime/debug"
	"runtime/pprof"
	"sync"
	"syscall"
	"time"
)

var held [][]byte
var mutex sync.Mutex
var blocked = make(chan int)

type node struct {
	next *node
	data [5]int
}

var list *node

//go:noinline
func leakBytes(n, size int) {
	for i := 0; i < n; i++ {
		held = append(held, make([]byte, size))
	}
}

func inlinedLeak() { leakInner() }
func leakInner()   { held = append(held, make([]byte, 100000)) }

//go:noinline
func leakNodes(n int) {
	for i := 0; i < n; i++ {
		list = &node{next: list}
	}
}

//go:noinline
func waitOnChannel() { <-blocked }

//go:noinline
func waitOnMutex() { mutex.Lock(); mutex.Unlock() }

//go:noinline
func waitOnSelect(other chan int) {
	select {
	case <-blocked:
	case <-other:
	}
}

//go:noinline
func deep(n int) int {
	if n == 0 {
		waitOnChannel()
		return 0
	}
	return deep(n-1) + 1
}

func waitInSyscall(fd int) {
	buffer := make([]byte, 1)
	syscall.Read(fd, buffer)
}

func start() {
	mutex.Lock()
	for i := 0; i < 40; i++ {
		go waitOnChannel()
	}
	for i := 0; i < 3; i++ {
		go waitOnMutex()
	}
	go waitOnSelect(make(chan int))
	go deep(60)
	go func() { time.Sleep(time.Hour) }()
	go func() { runtime.LockOSThread(); waitOnChannel() }()
	pipe := make([]int, 2)
	syscall.Pipe(pipe)
	go waitInSyscall(pipe[0])
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err == nil {
		go listener.Accept()
	}
}

func main() {
	debug.SetGCPercent(-1)
	start()
	leakBytes(200, 40000)
	leakBytes(3, 3<<20)
	leakNodes(200000)
	for i := 0; i < 20; i++ {
		inlinedLeak()
	}
	time.Sleep(300 * time.Millisecond)
	runtime.GC()
	runtime.GC()
	runtime.GC()
	input := bufio.NewScanner(os.Stdin)
	records := make([]runtime.MemProfileRecord, 4096)
	text := &bytes.Buffer{}
	var stats runtime.MemStats
	fmt.Println("ready")
	for input.Scan() {
		if input.Text() == "profile" {
			text.Reset()
			pprof.Lookup("goroutine").WriteTo(text, 2)
			n, _ := runtime.MemProfile(records, true)
			total, stacks := profile(records[:n])
			out, _ := json.Marshal(map[string]interface{}{
				"total": total, "stacks": stacks, "goroutines": text.String(),
			})
			fmt.Println(string(out))
			continue
		}
		runtime.ReadMemStats(&stats)
		fmt.Printf("{\\"HeapInuse\\":%d,\\"HeapIdle\\":%d,\\"HeapReleased\\":%d,\\"HeapSys\\":%d,"+
			"\\"HeapAlloc\\":%d,\\"StackInuse\\":%d,\\"StackSys\\":%d,\\"GCSys\\":%d,"+
			"\\"MSpanInuse\\":%d,\\"MSpanSys\\":%d,\\"MCacheSys\\":%d,\\"BuckHashSys\\":%d,"+
			"\\"OtherSys\\":%d,\\"NumGC\\":%d}\\n",
			stats.HeapInuse, stats.HeapIdle, stats.HeapReleased, stats.HeapSys, stats.HeapAlloc,
			stats.StackInuse, stats.StackSys, stats.GCSys, stats.MSpanInuse, stats.MSpanSys,
			stats.MCacheSys, stats.BuckHashSys, stats.OtherSys, stats.NumGC)
	}
}

func profile(records []runtime.MemProfileRecord) ([4]int64, map[string]int64) {
	var total [4]int64
	stacks := map[string]int64{}
	for _, r := range records {
		total[0] += r.AllocObjects
		total[1] += r.FreeObjects
		total[2] += r.AllocBytes
		total[3] += r.FreeBytes
		if r.InUseBytes() == 0 {
			continue
		}
		key := ""
		frames := runtime.CallersFrames(r.Stack())
		for {
			f, more := frames.Next()
			if key != "" || len(f.Function) < 8 || f.Function[:8] != "runtime." {
				key += f.Function + ";"
			}
			if !more {
				break
			}
		}
		stacks[key] += r.InUseBytes()
	}
	return total, stacks
}
`;
