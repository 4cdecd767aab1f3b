// Command deep parks one goroutine 10,000 frames down, one 101 (where debug=2 begins to leave frames out) and one 100.
package main

import "example.com/targets/truth"

var never = make(chan int)

//go:noinline
func descend(frames int) int {
	if frames <= 1 {
		return <-never
	}
	return descend(frames-1) + 1
}

func main() {
	for _, frames := range []int{99, 100, 101, 10_000} {
		go descend(frames)
	}
	truth.Serve()
}
