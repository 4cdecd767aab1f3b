// Command many parks -n goroutines in stacks of several shapes; -active of them wake ten times a second. At the command
// "move" one of those that have waited since the start goes on to wait in main.moved.
package main

import (
	"flag"
	"time"

	"example.com/targets/truth"
)

var (
	never = make(chan int) // nobody sends
	full  = make(chan int) // nobody receives
)

//go:noinline
func park(depth, shape int) {
	if depth > 0 {
		park(depth-1, shape)
		return
	}
	switch shape {
	case 0:
		<-never
	case 1:
		select {
		case <-never:
		case full <- 1:
		}
	case 2:
		time.Sleep(24 * time.Hour)
	default:
		full <- 1
	}
}

func active() {
	for range time.Tick(100 * time.Millisecond) {
		truth.Ops.Add(1)
	}
}

// moveEvery is how far apart those that can move stand among the others.
const moveEvery = 97

var move = make(chan int)

func movable() { <-move; moved() }

//go:noinline
func moved() { <-never }

func main() {
	n := flag.Int("n", 1000, "parked goroutines")
	busy := flag.Int("active", 0, "goroutines that wake ten times a second")
	flag.Parse()
	for i := 0; i < *n; i++ {
		if i%moveEvery == 0 {
			go movable()
		} else {
			go park(2+i%12, i%4)
		}
	}
	for i := 0; i < *busy; i++ {
		go active()
	}
	truth.Handle("move", func(string) []byte { move <- 1; return nil })
	truth.Serve()
}
