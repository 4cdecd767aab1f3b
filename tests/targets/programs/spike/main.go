// Command spike holds as many goroutines as the command "set N" last said, beginning with 100; half of them work a
// little now and then.
package main

import (
	"math/rand"
	"time"

	"example.com/targets/truth"
)

var leave []chan struct{}

func request(done <-chan struct{}) {
	for {
		select {
		case <-done:
			return
		case <-time.After(time.Duration(1+rand.Intn(2000)) * time.Millisecond):
			truth.Ops.Add(1)
		}
	}
}

func idle(done <-chan struct{}) { <-done }

func set(n int) {
	for ; len(leave) > n; leave = leave[:len(leave)-1] {
		close(leave[len(leave)-1])
	}
	for len(leave) < n {
		done := make(chan struct{})
		leave = append(leave, done)
		if len(leave)%2 == 0 {
			go request(done)
		} else {
			go idle(done)
		}
	}
}

func main() {
	set(100)
	truth.Handle("set", func(n string) []byte { set(truth.Int(n)); return nil })
	truth.Serve()
}
