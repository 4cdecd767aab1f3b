// Command inlining parks goroutines in functions that the compiler has folded into their callers, several levels deep.
package main

import "example.com/targets/truth"

var never = make(chan int)

func innermost() { <-never }
func middle()    { innermost() }
func outer()     { middle() }

//go:noinline
func notInlined(depth int) {
	if depth > 0 {
		notInlined(depth - 1)
		return
	}
	outer()
}

func closure() {
	func() { func() { outer() }() }()
}

func deferred() {
	defer func() { outer() }()
	func() { defer outer() }()
}

func main() {
	go outer()
	go notInlined(3)
	go closure()
	go deferred()
	go func() { middle() }()
	truth.Serve()
}
