// The sixteen call sites: each Go function calls one C function, so that a stack names both.
package main

/*
#cgo CFLAGS: -O2 -fomit-frame-pointer
#include "sites.h"
*/
import "C"

import "unsafe"

// A site is one pair of a Go function and the C function that it calls.
type site struct {
	goName string
	cName  string
	call   func(size, touched uint64) unsafe.Pointer
}

//go:noinline
func decodeThumb(size, touched uint64) unsafe.Pointer {
	return C.thumb_decode(C.size_t(size), C.size_t(touched))
}

//go:noinline
func addFont(size, touched uint64) unsafe.Pointer {
	return C.font_cache_add(C.size_t(size), C.size_t(touched))
}

//go:noinline
func copyAnswer(size, touched uint64) unsafe.Pointer {
	return C.dns_answer_copy(C.size_t(size), C.size_t(touched))
}

//go:noinline
func openWindow(size, touched uint64) unsafe.Pointer {
	return C.zip_window_new(C.size_t(size), C.size_t(touched))
}

//go:noinline
func growRow(size, touched uint64) unsafe.Pointer {
	return C.row_buffer_grow(C.size_t(size), C.size_t(touched))
}

//go:noinline
func compileNode(size, touched uint64) unsafe.Pointer {
	return C.regex_compile_node(C.size_t(size), C.size_t(touched))
}

//go:noinline
func storeTicket(size, touched uint64) unsafe.Pointer {
	return C.tls_ticket_store(C.size_t(size), C.size_t(touched))
}

//go:noinline
func loadTile(size, touched uint64) unsafe.Pointer {
	return C.geo_tile_load(C.size_t(size), C.size_t(touched))
}

//go:noinline
func allocFrame(size, touched uint64) unsafe.Pointer {
	return C.audio_frame_alloc(C.size_t(size), C.size_t(touched))
}

//go:noinline
func pushToken(size, touched uint64) unsafe.Pointer {
	return C.json_token_push(C.size_t(size), C.size_t(touched))
}

//go:noinline
func insertIcon(size, touched uint64) unsafe.Pointer {
	return C.icon_atlas_insert(C.size_t(size), C.size_t(touched))
}

//go:noinline
func dupField(size, touched uint64) unsafe.Pointer {
	return C.csv_field_dup(C.size_t(size), C.size_t(touched))
}

//go:noinline
func splitNode(size, touched uint64) unsafe.Pointer {
	return C.trie_node_split(C.size_t(size), C.size_t(touched))
}

//go:noinline
func copyVertex(size, touched uint64) unsafe.Pointer {
	return C.mesh_vertex_copy(C.size_t(size), C.size_t(touched))
}

//go:noinline
func formatLine(size, touched uint64) unsafe.Pointer {
	return C.log_line_format(C.size_t(size), C.size_t(touched))
}

//go:noinline
func deriveKey(size, touched uint64) unsafe.Pointer {
	return C.session_key_derive(C.size_t(size), C.size_t(touched))
}

func release(memory unsafe.Pointer) { C.site_free(memory) }

func functionOf(id int) uintptr { return uintptr(C.site_function(C.int(id))) }

var sites = [...]site{
	{"main.decodeThumb", "thumb_decode", decodeThumb},
	{"main.addFont", "font_cache_add", addFont},
	{"main.copyAnswer", "dns_answer_copy", copyAnswer},
	{"main.openWindow", "zip_window_new", openWindow},
	{"main.growRow", "row_buffer_grow", growRow},
	{"main.compileNode", "regex_compile_node", compileNode},
	{"main.storeTicket", "tls_ticket_store", storeTicket},
	{"main.loadTile", "geo_tile_load", loadTile},
	{"main.allocFrame", "audio_frame_alloc", allocFrame},
	{"main.pushToken", "json_token_push", pushToken},
	{"main.insertIcon", "icon_atlas_insert", insertIcon},
	{"main.dupField", "csv_field_dup", dupField},
	{"main.splitNode", "trie_node_split", splitNode},
	{"main.copyVertex", "mesh_vertex_copy", copyVertex},
	{"main.formatLine", "log_line_format", formatLine},
	{"main.deriveKey", "session_key_derive", deriveKey},
}
