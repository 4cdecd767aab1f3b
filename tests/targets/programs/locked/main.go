// Command locked parks goroutines that are bound to their operating system thread.
package main

import (
	"runtime"
	"time"

	"example.com/targets/truth"
)

var never = make(chan int)

func lockedReceive() { runtime.LockOSThread(); <-never }
func lockedSleep()   { runtime.LockOSThread(); time.Sleep(time.Hour) }
func lockedTwice()   { runtime.LockOSThread(); runtime.LockOSThread(); <-never }
func unlocked()      { runtime.LockOSThread(); runtime.UnlockOSThread(); <-never }

func main() {
	runtime.LockOSThread()
	for _, run := range []func(){lockedReceive, lockedSleep, lockedTwice, unlocked} {
		go run()
	}
	truth.Serve()
}
