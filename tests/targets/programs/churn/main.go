// Command churn is a ring of -n goroutines in which a quarter as many values go round, each changed at every hop by
// -work rounds of arithmetic. A hop is an operation: one goroutine wakes another and goes to sleep. -p limits the
// processors.
package main

import (
	"flag"
	"runtime"

	"example.com/targets/truth"
)

//go:noinline
func work(rounds int, x uint64) uint64 {
	for i := 0; i < rounds; i++ {
		x = x*6364136223846793005 + 1442695040888963407
	}
	return x
}

func pass(from <-chan uint64, to chan<- uint64, rounds int) {
	for x := range from {
		to <- work(rounds, x)
		truth.Ops.Add(1)
	}
}

func main() {
	n := flag.Int("n", 2000, "goroutines")
	rounds := flag.Int("work", 8000, "rounds of arithmetic in each operation")
	processors := flag.Int("p", 1, "processors (GOMAXPROCS)")
	flag.Parse()
	runtime.GOMAXPROCS(*processors)
	ring := make([]chan uint64, *n)
	for i := range ring {
		ring[i] = make(chan uint64)
	}
	for i := range ring {
		go pass(ring[i], ring[(i+1)%*n], *rounds)
	}
	for i := 0; i < *n; i += 4 {
		ring[i] <- uint64(i)
	}
	truth.Serve()
}
