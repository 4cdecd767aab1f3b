// Command burner burns one processor in functions of known shares (40, 30, 20 and 10 per cent of the loop), with
// hashing and sorting beside them, and keeps a few goroutines parked.
package main

import (
	"crypto/sha256"
	"flag"
	"sort"
	"strconv"

	"example.com/targets/truth"
)

var (
	never = make(chan int)
	sink  uint64
)

//go:noinline
func forty(x uint64) uint64 { return spin(x, 40_000) }

//go:noinline
func thirty(x uint64) uint64 { return spin(x, 30_000) }

//go:noinline
func twenty(x uint64) uint64 { return spin(x, 20_000) }

//go:noinline
func ten(x uint64) uint64 { return spin(x, 10_000) }

// spin is inlined into its callers, so that their flat shares are what their names say.
func spin(x uint64, rounds int) uint64 {
	for i := 0; i < rounds; i++ {
		x = x*6364136223846793005 + 1442695040888963407
	}
	return x
}

func burn() {
	for x := uint64(1); ; truth.Ops.Add(1) {
		x = forty(x) + thirty(x) + twenty(x) + ten(x)
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
