// Command burner burns one processor in functions of known shares (18, 16, 14 ... per cent of the loop), with
// hashing and sorting beside them, and keeps a few goroutines parked.
package main

import (
	"crypto/sha256"
	"flag"
	"sort"
	"strconv"

	"example.com/targets/truth"
)

const (
	factor = 6364136223846793005
	rounds = 10_000
)

var never = make(chan int)

// The loop stands in each function: a shared one would be inlined, and flat shares go by the innermost inlined function.

//go:noinline
func eighteen(x uint64) uint64 {
	for i := 0; i < rounds; i++ {
		x = x*factor + 1
	}
	return x
}

//go:noinline
func sixteen(x uint64) uint64 {
	for i := 0; i < rounds; i++ {
		x = x*factor + 1
	}
	return x
}

//go:noinline
func fourteen(x uint64) uint64 {
	for i := 0; i < rounds; i++ {
		x = x*factor + 1
	}
	return x
}

//go:noinline
func twelve(x uint64) uint64 {
	for i := 0; i < rounds; i++ {
		x = x*factor + 1
	}
	return x
}

//go:noinline
func eleven(x uint64) uint64 {
	for i := 0; i < rounds; i++ {
		x = x*factor + 1
	}
	return x
}

//go:noinline
func nine(x uint64) uint64 {
	for i := 0; i < rounds; i++ {
		x = x*factor + 1
	}
	return x
}

//go:noinline
func eight(x uint64) uint64 {
	for i := 0; i < rounds; i++ {
		x = x*factor + 1
	}
	return x
}

//go:noinline
func seven(x uint64) uint64 {
	for i := 0; i < rounds; i++ {
		x = x*factor + 1
	}
	return x
}

//go:noinline
func five(x uint64) uint64 {
	for i := 0; i < rounds; i++ {
		x = x*factor + 1
	}
	return x
}

var shares = []struct {
	percent int
	run     func(uint64) uint64
}{
	{18, eighteen}, {16, sixteen}, {14, fourteen}, {12, twelve}, {11, eleven}, {9, nine}, {8, eight}, {7, seven}, {5, five},
}

// burn picks at random what comes next: a fixed order would beat with the profiler's clock.
func burn() {
	var slots []func(uint64) uint64
	for _, share := range shares {
		for i := 0; i < share.percent; i++ {
			slots = append(slots, share.run)
		}
	}
	for x := uint64(1); ; truth.Ops.Add(1) {
		x = slots[(x>>32)%uint64(len(slots))](x)
	}
}

func mix() {
	words := make([]string, 2000)
	for ; ; truth.Ops.Add(1) {
		sum := sha256.Sum256([]byte(words[0]))
		for i := range words {
			words[i] = strconv.Itoa(int(sum[i%32]) * 7919 * (i + 1))
		}
		sort.Strings(words)
	}
}

func main() {
	burners := flag.Int("burners", 1, "goroutines that burn in known shares")
	mixers := flag.Int("mixers", 0, "goroutines that hash, format and sort")
	flag.Parse()
	for i := 0; i < 50; i++ {
		go func() { <-never }()
	}
	for i := 0; i < *burners; i++ {
		go burn()
	}
	for i := 0; i < *mixers; i++ {
		go mix()
	}
	truth.Serve()
}
