// Command methodvalues starts goroutines from method values, method expressions, closures and deferred go statements.
package main

import "example.com/targets/truth"

var never = make(chan int)

type server struct{ name string }

//go:noinline
func (s *server) run()       { <-never }
func (s server) copied()     { <-never }
func (s *server) with(n int) { <-never; s.name = "" }

func start(run func()) { go run() }

func main() {
	s := &server{"one"}
	start(s.run)
	start(s.copied)
	start(func() { s.with(3) })
	go (*server).run(s)
	go server.copied(*s)
	expression := (*server).with
	go expression(s, 4)
	func() { defer func() { go s.run() }() }()
	truth.Serve()
}
