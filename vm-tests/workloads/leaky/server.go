// The service itself: routing down to the C library, in as many Go frames as a real one has.
package main

/*
#cgo CFLAGS: -O2 -fomit-frame-pointer
#cgo LDFLAGS: -pthread
#include "thumbnail.h"
*/
import "C"

import (
	"fmt"
	"strings"
	"sync/atomic"

	"sonde.test/workloads/line"
)

// A request as it would come from a socket.
type request struct {
	number uint32
	path   string
	accept string
}

// A response is forgotten as soon as it is written: Go's own garbage.
type response struct {
	headers map[string]string
	body    []byte
}

type handler func(*request) *response

type server struct {
	routes map[string]handler
	images *imageStore
	served atomic.Uint64
}

type imageStore struct{ width int }

func newServer(width int) *server {
	made := &server{images: &imageStore{width: width}}
	made.routes = map[string]handler{"thumb": made.serveThumbnail}
	return made
}

//go:noinline
func (s *server) work(requests <-chan request) {
	for next := range requests {
		s.handle(&next)
	}
}

//go:noinline
func (s *server) handle(r *request) {
	answer := s.route(r)
	if len(answer.body) == 0 || answer.headers["Content-Type"] == "" {
		line.Fail("request %d has no answer", r.number)
	}
	s.served.Add(1)
}

//go:noinline
func (s *server) route(r *request) *response {
	parts := strings.Split(strings.Trim(r.path, "/"), "/")
	serve := s.routes[parts[len(parts)-1]]
	if serve == nil {
		line.Fail("no route for %s", r.path)
	}
	return serve(r)
}

//go:noinline
func (s *server) serveThumbnail(r *request) *response {
	sum := s.images.Thumbnail(r.number)
	body := []byte(strings.Repeat(fmt.Sprintf("%08x ", sum), 100))
	return &response{headers: map[string]string{"Content-Type": r.accept}, body: body}
}

// Thumbnail renders one picture.
//
//go:noinline
func (s *imageStore) Thumbnail(number uint32) uint32 {
	return renderThumbnail(number, s.width)
}

//go:noinline
func renderThumbnail(number uint32, width int) uint32 {
	return uint32(C.render_thumbnail(C.uint32_t(number), C.size_t(width)))
}

func lostBytes() uint64 { return uint64(C.thumbnail_lost_bytes()) }
