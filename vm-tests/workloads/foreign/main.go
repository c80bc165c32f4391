// foreign makes three more C and C++ libraries of Debian's allocate: expat, from its archive, Lua and
// hunspell. Nothing in Sonde was made with them in view. Everything runs on the main thread and depends on nothing but
// the round, so that two runs allocate from the same stacks whatever the kernel.
//
// Commands: "take ROUNDS" works with all libraries; "leak RATE" makes RATE interpreters a second that
// nobody closes.
package main

/*
#cgo CFLAGS: -O2 -fomit-frame-pointer
#cgo LDFLAGS: -l:libexpat.a -llua5.4 -lhunspell-1.7 -Wl,--allow-shlib-undefined
#include <stdlib.h>
#include "foreign.h"
*/
import "C"

import (
	"os"
	"path/filepath"
	"runtime"
	"time"
	"unsafe"

	"sonde.test/workloads/line"
)

const affixes = `SET UTF-8
FLAG char
COMPOUNDFLAG C
COMPOUNDMIN 3
WORDCHARS 0123456789
PFX R Y 1
PFX R 0 re .
SFX S Y 2
SFX S 0 s [^s]
SFX S 0 ings [^s]
SFX G Y 1
SFX G 0 ing [^e]
`

const words = "6\nwork/RSGC po:verb\nshop/SGC po:noun\nsew/RSG po:verb\nplate/S\nsteel/SG\nworkshop/S\n"

// On the main thread, so that its tid is the process's.
func init() {
	runtime.LockOSThread()
}

type dictionary struct {
	affixes, words *C.char
	speller        unsafe.Pointer
}

//go:noinline
func (d *dictionary) open() {
	d.speller = C.open_speller(d.affixes, d.words)
}

func writeDictionary() dictionary {
	folder, err := os.MkdirTemp("", "sonde-foreign-")
	if err != nil {
		line.Fail("make a folder: %v", err)
	}
	put := func(name, text string) *C.char {
		path := filepath.Join(folder, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			line.Fail("write a dictionary: %v", err)
		}
		return C.CString(path)
	}
	return dictionary{affixes: put("en.aff", affixes), words: put("en.dic", words)}
}

func (d *dictionary) close() {
	C.close_speller(d.speller)
	os.RemoveAll(filepath.Dir(C.GoString(d.affixes)))
	C.free(unsafe.Pointer(d.affixes))
	C.free(unsafe.Pointer(d.words))
}

//go:noinline
func readOrder(round int) {
	if C.parse_order(C.int(round)) != 1 {
		line.Fail("order %d was not read", round)
	}
}

//go:noinline
func applyRules(round int) {
	if C.run_rules(C.int(round)) != 1 {
		line.Fail("rules %d did not run", round)
	}
}

//go:noinline
func (d *dictionary) proofread(round int) {
	if C.check_spelling(d.speller, C.int(round)) != 1 {
		line.Fail("spelling %d was not checked", round)
	}
}

//go:noinline
func serveRound(round int) {
	readOrder(round)
	applyRules(round)
	own := writeDictionary()
	own.open()
	own.proofread(round)
	own.close()
}

// forgetRules never closes its interpreter.
//
//go:noinline
func forgetRules(number int) {
	if C.forgotten_rules(C.int(number%40)) != 1 {
		line.Fail("rules %d did not run", number)
	}
}

func main() {
	line.Serve(map[string]func([]string){
		"take": func(words []string) {
			rounds := line.Number(words, 1, 1)
			for round := 0; round < rounds; round++ {
				serveRound(round)
			}
			line.Print(map[string]any{"event": "taken", "rounds": rounds})
		},
		"leak": func(words []string) {
			rate := line.Number(words, 1, 5)
			go func() {
				for count := 1; ; count++ {
					forgetRules(count)
					time.Sleep(time.Second / time.Duration(rate))
				}
			}()
		},
	})
}
