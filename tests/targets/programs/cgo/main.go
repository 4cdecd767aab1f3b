// Command cgo has goroutines inside C, and in Go that C has called.
package main

/*
#include <unistd.h>
extern void callback(int);
static void c_sleep(void) { sleep(3600); }
static void c_calls_go(int n) { callback(n); }
*/
import "C"

import "example.com/targets/truth"

var never = make(chan int)

//export callback
func callback(n C.int) {
	if n > 0 {
		C.c_calls_go(n - 1)
		return
	}
	<-never
}

func insideC()        { C.c_sleep() }
func calledFromC()    { C.c_calls_go(0) }
func calledInLayers() { C.c_calls_go(3) }

func main() {
	for _, run := range []func(){insideC, calledFromC, calledInLayers} {
		go run()
	}
	truth.Serve()
}
