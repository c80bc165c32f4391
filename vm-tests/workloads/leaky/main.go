// leaky is the service that `npm start` traces: a picture gallery whose C library forgets to free some
// of its cache entries, at a known rate, while its Go heap stays flat. It makes its own requests.
//
// Every fourth request loses one entry of 24 + width² bytes. Each second it prints what is lost by
// now, by the library's own count. The command "exit", or -seconds, ends it.
package main

import (
	"bufio"
	"flag"
	"os"
	"strings"
	"time"

	"sonde.test/workloads/line"
)

// perSecond requests are made, evenly.
func makeRequests(perSecond int, requests chan<- request) {
	ticker := time.NewTicker(time.Second / time.Duration(perSecond))
	defer ticker.Stop()
	for number := uint32(0); ; number++ {
		<-ticker.C
		requests <- request{number: number, path: "/gallery/summer/thumb", accept: "image/x-raw"}
	}
}

func endWithInput() {
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		if strings.TrimSpace(lines.Text()) == "exit" {
			os.Exit(0)
		}
	}
}

func main() {
	perSecond := flag.Int("requests", 200, "requests per second")
	width := flag.Int("width", 128, "width of a thumbnail in pixels")
	workers := flag.Int("workers", 2, "goroutines that serve")
	seconds := flag.Int("seconds", 0, "end after so many seconds; 0: never")
	flag.Parse()
	requests := make(chan request, 64)
	gallery := newServer(*width)
	for i := 0; i < *workers; i++ {
		go gallery.work(requests)
	}
	go makeRequests(*perSecond, requests)
	go endWithInput()
	line.Print(map[string]any{
		"event": "ready", "pid": os.Getpid(), "workers": *workers,
		"lostBytesPerSecond": *perSecond / 4 * (24 + *width**width),
	})
	for second := 1; *seconds == 0 || second <= *seconds; second++ {
		time.Sleep(time.Second)
		line.Print(map[string]any{
			"event": "second", "second": second, "served": gallery.served.Load(),
			"lostBytes": lostBytes(),
		})
	}
}
