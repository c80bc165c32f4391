// What the program says: one JSON object a line, written by hand, so that little of the standard
// library has to be compiled for every release, architecture and build.
package main

import (
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
)

var mutex sync.Mutex

// A line is built field by field and printed at once.
type line struct{ text []byte }

func newLine(event string) *line {
	made := &line{text: make([]byte, 0, 512)}
	made.text = append(made.text, `{"event":`...)
	made.text = strconv.AppendQuote(made.text, event)
	return made
}

func (l *line) key(name string) {
	l.text = append(l.text, ',')
	l.text = strconv.AppendQuote(l.text, name)
	l.text = append(l.text, ':')
}

func (l *line) number(name string, value int) *line {
	l.key(name)
	l.text = strconv.AppendInt(l.text, int64(value), 10)
	return l
}

func (l *line) word(name, value string) *line {
	l.key(name)
	l.text = strconv.AppendQuote(l.text, value)
	return l
}

func (l *line) boolean(name string, value bool) *line {
	l.key(name)
	l.text = strconv.AppendBool(l.text, value)
	return l
}

func (l *line) address(name string, value uintptr) *line {
	return l.word(name, "0x"+strconv.FormatUint(uint64(value), 16))
}

func (l *line) words(name string, values []string) *line {
	l.key(name)
	l.text = append(l.text, '[')
	for i, value := range values {
		if i > 0 {
			l.text = append(l.text, ',')
		}
		l.text = strconv.AppendQuote(l.text, value)
	}
	l.text = append(l.text, ']')
	return l
}

func (l *line) print() {
	mutex.Lock()
	defer mutex.Unlock()
	os.Stdout.Write(append(l.text, "}\n"...))
}

// fail reports a broken workload and ends it: a test must not take its silence for a result.
func fail(text string) {
	os.Stderr.WriteString("workload: " + text + "\n")
	os.Exit(1)
}

// callers names the functions above its caller's caller, inlined ones included, up to main.main or
// the start of the goroutine: what a tracer's stack is held against.
func callers() []string {
	var addresses [64]uintptr
	count := runtime.Callers(2, addresses[:])
	names := []string{}
	frames := runtime.CallersFrames(addresses[:count])
	for {
		frame, more := frames.Next()
		if strings.HasPrefix(frame.Function, "main.") {
			names = append(names, frame.Function)
		}
		if !more {
			return names
		}
	}
}

// goid is the number that the runtime gives this goroutine, which it says nowhere but here.
func goid() int {
	var text [64]byte
	words := strings.Fields(string(text[:runtime.Stack(text[:], false)]))
	number, err := strconv.Atoi(words[1])
	if err != nil {
		fail("the runtime's own stack trace has no goroutine number")
	}
	return number
}
