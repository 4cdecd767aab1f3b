// Command churn is -n goroutines in pairs that hand a value to and fro, doing -work rounds of arithmetic each time: two
// scheduler events an operation. -p limits the processors.
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

func ping(there chan<- uint64, back <-chan uint64, rounds int) {
	for x := uint64(1); ; {
		there <- work(rounds, x)
		x = <-back
		truth.Ops.Add(1)
	}
}

func pong(there <-chan uint64, back chan<- uint64, rounds int) {
	for x := range there {
		back <- work(rounds, x)
	}
}

func main() {
	n := flag.Int("n", 2000, "goroutines")
	rounds := flag.Int("work", 1000, "rounds of arithmetic in each half of an operation")
	processors := flag.Int("p", 1, "processors (GOMAXPROCS)")
	flag.Parse()
	runtime.GOMAXPROCS(*processors)
	for i := 0; i < *n/2; i++ {
		there, back := make(chan uint64), make(chan uint64)
		go ping(there, back, *rounds)
		go pong(there, back, *rounds)
	}
	truth.Serve()
}
