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

const factor = 6364136223846793005

var never = make(chan int)

// The loop stands in each function: a shared one would be inlined, and flat shares go by the innermost inlined function.

//go:noinline
func eighteen(x uint64) uint64 {
	for i := 0; i < 18_000; i++ {
		x = x*factor + 1
	}
	return x
}

//go:noinline
func sixteen(x uint64) uint64 {
	for i := 0; i < 16_000; i++ {
		x = x*factor + 1
	}
	return x
}

//go:noinline
func fourteen(x uint64) uint64 {
	for i := 0; i < 14_000; i++ {
		x = x*factor + 1
	}
	return x
}

//go:noinline
func twelve(x uint64) uint64 {
	for i := 0; i < 12_000; i++ {
		x = x*factor + 1
	}
	return x
}

//go:noinline
func eleven(x uint64) uint64 {
	for i := 0; i < 11_000; i++ {
		x = x*factor + 1
	}
	return x
}

//go:noinline
func nine(x uint64) uint64 {
	for i := 0; i < 9_000; i++ {
		x = x*factor + 1
	}
	return x
}

//go:noinline
func eight(x uint64) uint64 {
	for i := 0; i < 8_000; i++ {
		x = x*factor + 1
	}
	return x
}

//go:noinline
func seven(x uint64) uint64 {
	for i := 0; i < 7_000; i++ {
		x = x*factor + 1
	}
	return x
}

//go:noinline
func five(x uint64) uint64 {
	for i := 0; i < 5_000; i++ {
		x = x*factor + 1
	}
	return x
}

func burn() {
	for x := uint64(1); ; truth.Ops.Add(1) {
		x = eighteen(x) + sixteen(x) + fourteen(x) + twelve(x) + eleven(x) + nine(x) + eight(x) + seven(x) + five(x)
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
