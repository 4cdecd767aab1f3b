// Command states has one goroutine in each state that a goroutine can be made to wait in.
package main

import (
	"os"
	"sync"
	"time"

	"example.com/targets/truth"
)

var (
	never    = make(chan int) // nobody sends
	full     = make(chan int) // nobody receives
	mutex    sync.Mutex
	rwRead   sync.RWMutex // held for reading: a writer waits
	rwWrite  sync.RWMutex // held for writing: a reader waits
	group    sync.WaitGroup
	cond     = sync.NewCond(&sync.Mutex{})
	nilChan  chan int
	in, _, _ = os.Pipe()
)

func waitChanReceive()   { <-never }
func waitChanSend()      { full <- 1 }
func waitNilReceive()    { <-nilChan }
func waitNilSend()       { nilChan <- 1 }
func waitSelectNoCases() { select {} }
func waitMutex()         { mutex.Lock() }
func waitRWMutexReader() { rwWrite.RLock() }
func waitRWMutexWriter() { rwRead.Lock() }
func waitWaitGroup()     { group.Wait() }
func waitCond()          { cond.L.Lock(); cond.Wait() }
func waitSleep()         { time.Sleep(time.Hour) }
func waitIO()            { in.Read(make([]byte, 1)) }
func waitTimer()         { <-time.After(time.Hour) }
func waitTicker()        { <-time.NewTicker(time.Hour).C }
func waitRangeOverChan() {
	for range never {
	}
}
func waitSelect() {
	select {
	case <-never:
	case <-time.After(time.Hour):
	case full <- 1:
	}
}

func main() {
	mutex.Lock()
	rwRead.RLock()
	rwWrite.Lock()
	group.Add(1)
	for _, wait := range []func(){
		waitChanReceive, waitChanSend, waitNilReceive, waitNilSend, waitSelectNoCases, waitSelect, waitMutex,
		waitRWMutexReader, waitRWMutexWriter, waitWaitGroup, waitCond, waitSleep, waitIO, waitTimer, waitTicker,
		waitRangeOverChan,
	} {
		go wait()
	}
	truth.Serve()
}
