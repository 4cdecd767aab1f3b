// Command deadlocked is ready, and at "lock" two goroutines take two locks in opposite order; main then waits for them.
// Where C takes part (net brings it along) the runtime does not notice; elsewhere it ends the program.
package main

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"sync"
)

var a, b sync.Mutex

func transfer(from, to *sync.Mutex, met *sync.WaitGroup) {
	from.Lock()
	met.Done()
	met.Wait()
	to.Lock()
}

func main() {
	if listener, err := net.Listen("tcp", "127.0.0.1:0"); err == nil {
		listener.Close()
	}
	fmt.Println("ready")
	bufio.NewReader(os.Stdin).ReadString('\n')
	var met, done sync.WaitGroup
	met.Add(2)
	done.Add(2)
	go func() { defer done.Done(); transfer(&a, &b, &met) }()
	go func() { defer done.Done(); transfer(&b, &a, &met) }()
	done.Wait()
}
