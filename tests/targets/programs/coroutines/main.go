//go:build go1.23

// Command coroutines parks goroutines in coroutine switches, below range-over-func bodies.
package main

import (
	"example.com/targets/truth"
	"iter"
)

var never = make(chan int)

func numbers(yield func(int) bool) {
	for i := 0; yield(i); i++ {
	}
}

func pulled() {
	next, stop := iter.Pull(iter.Seq[int](numbers))
	defer stop()
	next()
	<-never
}

func ranged() {
	for n := range numbers {
		if n == 2 {
			<-never
		}
	}
}

func inside() {
	next, _ := iter.Pull(func(yield func(int) bool) { <-never })
	next()
}

func main() {
	for _, run := range []func(){pulled, ranged, inside} {
		go run()
	}
	truth.Serve()
}
