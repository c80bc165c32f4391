// Package line is how every workload talks: JSON lines out, words in. A reader would get wrong that
// a workload does nothing before its first command, unless it was started with -auto: so a tracer
// attaches first, and what the program then reports is all that there was to see.
package line

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
)

var mutex sync.Mutex

// Print writes one value as one line of JSON.
func Print(value any) {
	text, err := json.Marshal(value)
	if err != nil {
		Fail("encode line: %v", err)
	}
	mutex.Lock()
	defer mutex.Unlock()
	os.Stdout.Write(append(text, '\n'))
}

// Fail reports a broken workload and ends it: a test must not take its silence for a result.
func Fail(format string, values ...any) {
	fmt.Fprintf(os.Stderr, "workload: "+format+"\n", values...)
	os.Exit(1)
}

// Hex is how addresses are written: 0x and lower-case digits.
func Hex(address uintptr) string {
	return "0x" + strconv.FormatUint(uint64(address), 16)
}

// Number reads a command's argument, or gives the default where the argument is missing.
func Number(words []string, index, absent int) int {
	if index >= len(words) {
		return absent
	}
	number, err := strconv.Atoi(words[index])
	if err != nil {
		Fail("argument %q of %q is not a number", words[index], words[0])
	}
	return number
}

// frames names return addresses as the program itself knows them, inlined calls included: what a
// tracer's walk is held against.
func frames(words []string) {
	addresses := make([]uintptr, 0, len(words))
	for _, word := range words[1:] {
		address, err := strconv.ParseUint(word, 0, 64)
		if err != nil {
			Fail("argument %q of frames is not an address", word)
		}
		addresses = append(addresses, uintptr(address))
	}
	functions := []string{}
	for next := runtime.CallersFrames(addresses); ; {
		frame, more := next.Next()
		functions = append(functions, frame.Function)
		if !more {
			break
		}
	}
	Print(map[string]any{"event": "frames", "functions": functions})
}

// Serve says that the workload is ready, then runs a handler for each line of standard input. The
// first word names the handler. It returns at "exit" or at the end of the input.
func Serve(handlers map[string]func(words []string)) {
	Print(map[string]any{"event": "ready", "pid": os.Getpid()})
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		words := strings.Fields(lines.Text())
		if len(words) == 0 {
			continue
		}
		if words[0] == "exit" {
			return
		}
		if words[0] == "frames" {
			frames(words)
			continue
		}
		handler := handlers[words[0]]
		if handler == nil {
			Fail("unknown command %q", words[0])
		}
		handler(words)
	}
}
