// cleak leaks C memory out of a plan that follows from a seed: which functions allocate, how large,
// how often, which of them forget to free, on how many threads. What it prints is exact, because it
// counts its own calls; what a tracer finds is to be compared with that.
//
// Commands: "run N" does N rounds of the plan and prints "ran"; "report" prints a line for each site;
// "addresses" prints what is allocated now; "free" frees everything. With -auto it runs for ever.
package main

import (
	"flag"
	"math/rand"
	"runtime"
	"sync"
	"time"
	"unsafe"

	"sonde.test/workloads/line"
)

// A plan says what one site does in each round.
type plan struct {
	Event    string `json:"event"`
	Site     int    `json:"site"`
	Go       string `json:"go"`
	C        string `json:"c"`
	Function string `json:"function"`
	// "leak" frees nothing, "steady" keeps its newest allocations, "churn" frees at once.
	Kind     string `json:"kind"`
	SizeLow  uint64 `json:"sizeLow"`
	SizeHigh uint64 `json:"sizeHigh"`
	PerRound int    `json:"perRound"`
	// Share of each allocation that is written to, in percent.
	TouchedPercent uint64 `json:"touchedPercent"`

	mutex      sync.Mutex
	held       []block
	allocs     uint64
	frees      uint64
	allocBytes uint64
	freeBytes  uint64
}

type block struct {
	memory unsafe.Pointer
	size   uint64
}

const steadyBlocks = 64

func makePlans(random *rand.Rand, count, leaks int) []*plan {
	plans := make([]*plan, 0, count)
	for place, id := range random.Perm(len(sites))[:count] {
		low := uint64(16 + random.Intn(2000))
		made := &plan{
			Event: "plan", Site: id, Go: sites[id].goName, C: sites[id].cName,
			Function: line.Hex(functionOf(id)),
			SizeLow:  low, SizeHigh: low + uint64(random.Intn(4000)),
			PerRound:       1 + random.Intn(4),
			TouchedPercent: []uint64{0, 25, 100}[random.Intn(3)],
		}
		switch {
		case place < leaks:
			made.Kind = "leak"
		case random.Intn(2) == 0:
			made.Kind = "steady"
			made.PerRound *= 2
		default:
			made.Kind = "churn"
			made.PerRound *= 8
		}
		plans = append(plans, made)
	}
	return plans
}

//go:noinline
func (p *plan) allocate(random *rand.Rand) {
	size := p.SizeLow + uint64(random.Int63n(int64(p.SizeHigh-p.SizeLow)+1))
	memory := sites[p.Site].call(size, size*p.TouchedPercent/100)
	if memory == nil {
		line.Fail("%s(%d) gave no memory", p.C, size)
	}
	p.mutex.Lock()
	defer p.mutex.Unlock()
	p.allocs++
	p.allocBytes += size
	p.held = append(p.held, block{memory, size})
	for p.Kind == "churn" && len(p.held) > 0 || p.Kind == "steady" && len(p.held) > steadyBlocks {
		p.freeFirst()
	}
}

func (p *plan) freeFirst() {
	release(p.held[0].memory)
	p.frees++
	p.freeBytes += p.held[0].size
	p.held = p.held[1:]
}

//go:noinline
func (p *plan) round(random *rand.Rand) {
	for i := 0; i < p.PerRound; i++ {
		p.allocate(random)
	}
}

//go:noinline
func serveRequests(plans []*plan, rounds int, pause time.Duration, random *rand.Rand) {
	for i := 0; rounds < 0 || i < rounds; i++ {
		for _, p := range plans {
			p.round(random)
		}
		if pause > 0 {
			time.Sleep(pause)
		}
	}
}

// workers runs rounds on locked threads, each with random numbers of its own, and waits for them.
func workers(plans []*plan, threads, rounds int, pause time.Duration, seed int64) {
	var done sync.WaitGroup
	for i := 0; i < threads; i++ {
		done.Add(1)
		random := rand.New(rand.NewSource(seed + int64(i)))
		go func() {
			defer done.Done()
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			serveRequests(plans, rounds, pause, random)
		}()
	}
	done.Wait()
}

func report(plans []*plan) {
	for _, p := range plans {
		p.mutex.Lock()
		line.Print(map[string]any{
			"event": "site", "site": p.Site, "go": p.Go, "c": p.C, "function": p.Function,
			"kind": p.Kind, "allocs": p.allocs, "frees": p.frees,
			"allocBytes": p.allocBytes, "freeBytes": p.freeBytes,
			"heldBytes": p.allocBytes - p.freeBytes, "held": len(p.held),
		})
		p.mutex.Unlock()
	}
	line.Print(map[string]any{"event": "reported"})
}

func addresses(plans []*plan) {
	for _, p := range plans {
		p.mutex.Lock()
		for _, b := range p.held {
			line.Print(map[string]any{
				"event": "held", "site": p.Site, "address": line.Hex(uintptr(b.memory)),
				"size": b.size,
			})
		}
		p.mutex.Unlock()
	}
	line.Print(map[string]any{"event": "listed"})
}

func main() {
	seed := flag.Int64("seed", 1, "what everything follows from")
	count := flag.Int("sites", 8, "how many call sites allocate, at most 16")
	leaks := flag.Int("leaks", 2, "how many of them never free")
	threads := flag.Int("threads", 2, "threads that allocate")
	pause := flag.Duration("pause", 0, "sleep after each round")
	auto := flag.Bool("auto", false, "run for ever, without commands")
	flag.Parse()
	if *count > len(sites) || *leaks > *count {
		line.Fail("-sites %d -leaks %d: there are %d sites", *count, *leaks, len(sites))
	}
	plans := makePlans(rand.New(rand.NewSource(*seed)), *count, *leaks)
	for _, p := range plans {
		line.Print(p)
	}
	if *auto {
		workers(plans, *threads, -1, *pause, *seed)
		return
	}
	runs := int64(0)
	line.Serve(map[string]func([]string){
		"run": func(words []string) {
			runs++
			workers(plans, *threads, line.Number(words, 1, 1), *pause, *seed+1000*runs)
			line.Print(map[string]any{"event": "ran"})
		},
		"report":    func([]string) { report(plans) },
		"addresses": func([]string) { addresses(plans) },
		"free": func([]string) {
			for _, p := range plans {
				p.mutex.Lock()
				for len(p.held) > 0 {
					p.freeFirst()
				}
				p.mutex.Unlock()
			}
			line.Print(map[string]any{"event": "freed"})
		},
	})
}
