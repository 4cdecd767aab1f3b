// Command leaking asks a slow backend -n times a second and gives up waiting: the backend's goroutine then stays for ever
// at its send. Beside that it works in ways that are no leak: calls that end, a pool that is idle, a lock much asked for.
package main

import (
	"flag"
	"sync"
	"time"

	"example.com/targets/truth"
)

func ask() int {
	answer := make(chan int) // a buffer of one would let the backend go
	go answerLate(answer)
	select {
	case n := <-answer:
		return n
	case <-time.After(time.Millisecond):
		return 0
	}
}

func answerLate(answer chan<- int) {
	time.Sleep(5 * time.Millisecond)
	answer <- 42
}

func call(done chan<- int) {
	time.Sleep(20 * time.Millisecond)
	done <- 1
}

func worker(jobs <-chan int) {
	for range jobs {
		time.Sleep(time.Millisecond)
	}
}

var ledger sync.Mutex

func book() {
	for {
		ledger.Lock()
		time.Sleep(2 * time.Millisecond)
		ledger.Unlock()
	}
}

func main() {
	rate := flag.Float64("n", 5, "goroutines that are lost a second; 0: none")
	flag.Parse()
	jobs := make(chan int)
	for i := 0; i < 20; i++ {
		go worker(jobs)
	}
	for i := 0; i < 6; i++ {
		go book()
	}
	go func() {
		for done := make(chan int, 1); ; <-done {
			go call(done)
			truth.Ops.Add(1)
		}
	}()
	if *rate > 0 {
		go func() {
			for range time.Tick(time.Duration(float64(time.Second) / *rate)) {
				ask()
			}
		}()
	}
	truth.Serve()
}
