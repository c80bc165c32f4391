// goretain keeps Go objects that it will never use again, large and small, at a rate that follows from
// its flags. Its C heap does nothing: a tracer must put the growth on the Go heap.
//
// Commands: "run N" serves N requests. With -auto it serves for ever.
package main

import (
	"flag"
	"fmt"
	"time"

	"sonde.test/workloads/line"
)

// A session is what each request leaves behind.
type session struct {
	id      string
	upload  []byte
	history [][]byte
}

type registry struct {
	sessions map[string]*session
	bytes    uint64
}

//go:noinline
func readUpload(size int) []byte {
	upload := make([]byte, size)
	for at := 0; at < size; at += 4096 {
		upload[at] = byte(at)
	}
	return upload
}

//go:noinline
func (r *registry) open(number, size int) *session {
	made := &session{id: fmt.Sprintf("session-%d", number), upload: readUpload(size)}
	for i := 0; i < 8; i++ {
		made.history = append(made.history, make([]byte, 200))
	}
	r.bytes += uint64(size) + 8*200
	return made
}

//go:noinline
func (r *registry) handle(number, size int) {
	made := r.open(number, size)
	// The bug: no one ever deletes from here.
	r.sessions[made.id] = made
}

func main() {
	size := flag.Int("size", 64<<10, "bytes of each upload, which is kept")
	pause := flag.Duration("pause", 50*time.Millisecond, "sleep between requests with -auto")
	auto := flag.Bool("auto", false, "serve for ever, without commands")
	flag.Parse()
	kept := &registry{sessions: map[string]*session{}}
	number := 0
	for *auto {
		kept.handle(number, *size)
		number++
		time.Sleep(*pause)
	}
	line.Serve(map[string]func([]string){
		"run": func(words []string) {
			for i := line.Number(words, 1, 10); i > 0; i-- {
				kept.handle(number, *size)
				number++
			}
			line.Print(map[string]any{
				"event": "ran", "sessions": len(kept.sessions), "bytes": kept.bytes,
			})
		},
	})
}
