package main

// #include <stdlib.h>
// #include <zstd.h>
import "C"

import (
	"bytes"
	"strconv"
	"unsafe"

	"sonde.test/workloads/line"
)

//go:noinline
func compress(text []byte, level int) []byte {
	packed := make([]byte, C.ZSTD_compressBound(C.size_t(len(text))))
	count := C.ZSTD_compress(unsafe.Pointer(&packed[0]), C.size_t(len(packed)),
		unsafe.Pointer(&text[0]), C.size_t(len(text)), C.int(level))
	if C.ZSTD_isError(count) != 0 {
		line.Fail("compress at level %d", level)
	}
	return packed[:count]
}

//go:noinline
func expand(packed []byte, room int) []byte {
	text := make([]byte, room)
	count := C.ZSTD_decompress(unsafe.Pointer(&text[0]), C.size_t(room),
		unsafe.Pointer(&packed[0]), C.size_t(len(packed)))
	if C.ZSTD_isError(count) != 0 {
		line.Fail("expand %d bytes", len(packed))
	}
	return text[:count]
}

//go:noinline
func compressByDictionary(text, words []byte) {
	context := C.ZSTD_createCCtx()
	dictionary := C.ZSTD_createCDict(unsafe.Pointer(&words[0]), C.size_t(len(words)), 5)
	packed := make([]byte, C.ZSTD_compressBound(C.size_t(len(text))))
	C.ZSTD_compress_usingCDict(context, unsafe.Pointer(&packed[0]), C.size_t(len(packed)),
		unsafe.Pointer(&text[0]), C.size_t(len(text)), dictionary)
	C.ZSTD_freeCDict(dictionary)
	C.ZSTD_freeCCtx(context)
}

//go:noinline
func packArchive(round int) {
	text := bytes.Repeat([]byte("five quacking zephyrs jolt my wax bed "+strconv.Itoa(round)), 60)
	for _, level := range []int{1, 3, 9, 19} {
		if !bytes.Equal(expand(compress(text, level), len(text)), text) {
			line.Fail("archive of level %d differs", level)
		}
	}
	compressByDictionary(text, []byte("five quacking zephyrs jolt"))
}
