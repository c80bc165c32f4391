// realc makes C libraries that are not ours allocate: sqlite, zstd and libcrypto as Debian builds
// them. Everything runs on the main thread and depends on nothing but the round, so that two runs
// allocate from the same stacks whatever the kernel.
//
// Commands: "take ROUNDS [PART]" works with all libraries or one of sql, zstd, crypto; "leak RATE"
// prepares statements that nobody finalizes and digests that nobody frees, RATE of each a second.
package main

/*
#cgo CFLAGS: -O2 -fomit-frame-pointer
#cgo LDFLAGS: -lsqlite3 -lzstd -lcrypto -lm
*/
import "C"

import (
	"runtime"
	"time"

	"sonde.test/workloads/line"
)

// On the main thread, so that its tid is the process's.
func init() {
	runtime.LockOSThread()
}

//go:noinline
func serveRound(round int, part string) {
	if part == "" || part == "sql" {
		keepBooks(round)
	}
	if part == "" || part == "zstd" {
		packArchive(round)
	}
	if part == "" || part == "crypto" {
		issueCertificate(round)
	}
}

func leakFor(rate int) {
	users := openUsers()
	for count := 1; ; count++ {
		lookUpUser(users, count)
		fingerprint(count)
		if count%rate == 0 {
			line.Print(map[string]any{"event": "leaking", "lostBytes": lostBytes()})
		}
		time.Sleep(time.Second / time.Duration(rate))
	}
}

func main() {
	line.Serve(map[string]func([]string){
		"take": func(words []string) {
			rounds, part := line.Number(words, 1, 1), ""
			if len(words) > 2 {
				part = words[2]
			}
			for round := 0; round < rounds; round++ {
				serveRound(round, part)
			}
			line.Print(map[string]any{"event": "taken", "rounds": rounds})
		},
		"leak": func(words []string) { go leakFor(line.Number(words, 1, 100)) },
	})
}
