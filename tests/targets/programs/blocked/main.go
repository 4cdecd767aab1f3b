// Command blocked has goroutines inside blocking system calls, entered in the ways that Go code enters them.
package main

import (
	"example.com/targets/truth"
	"syscall"
)

func pipe() (reader int) {
	var fds [2]int
	if err := syscall.Pipe(fds[:]); err != nil {
		panic(err)
	}
	return fds[0]
}

func blockedRead() { syscall.Read(pipe(), make([]byte, 1)) }
func blockedRaw()  { syscall.Syscall(syscall.SYS_PAUSE, 0, 0, 0) }
func blockedSix()  { syscall.Syscall6(syscall.SYS_FUTEX, 0, 0, 0, 0, 0, 0); blockedRead() }

func main() {
	for _, block := range []func(){blockedRead, blockedRaw, blockedSix} {
		go block()
	}
	truth.Serve()
}
