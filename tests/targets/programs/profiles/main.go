// Profiles writes the runtime's own profiles of itself into a folder, and ends: what an importer has to read.
package main

import (
	"context"
	"os"
	"path/filepath"
	"runtime"
	"runtime/pprof"
	"sync"
	"time"
)

const parked = 5

func spin(until time.Time) (n int) {
	for time.Now().Before(until) {
		n++
	}
	return n
}

func contend(mu *sync.Mutex, done *sync.WaitGroup) {
	defer done.Done()
	for i := 0; i < 20; i++ {
		mu.Lock()
		time.Sleep(time.Millisecond)
		mu.Unlock()
	}
}

func receive(ch chan int) { <-ch }

func write(folder, name string, debug int) {
	file, err := os.Create(filepath.Join(folder, name+map[int]string{0: ".pb.gz", 2: ".txt"}[debug]))
	if err != nil {
		panic(err)
	}
	defer file.Close()
	if err := pprof.Lookup(name).WriteTo(file, debug); err != nil {
		panic(err)
	}
}

func main() {
	folder := os.Args[1]
	runtime.SetBlockProfileRate(1)
	runtime.SetMutexProfileFraction(1)
	cpu, err := os.Create(filepath.Join(folder, "cpu.pb.gz"))
	if err != nil {
		panic(err)
	}
	if err := pprof.StartCPUProfile(cpu); err != nil {
		panic(err)
	}
	spin(time.Now().Add(300 * time.Millisecond))
	pprof.StopCPUProfile()
	cpu.Close()

	var mu sync.Mutex
	var done sync.WaitGroup
	done.Add(3)
	for i := 0; i < 3; i++ {
		go contend(&mu, &done)
	}
	done.Wait()
	ch := make(chan int)
	for i := 0; i < parked; i++ {
		pprof.Do(context.Background(), pprof.Labels("endpoint", "/orders"), func(context.Context) { go receive(ch) })
	}
	time.Sleep(20 * time.Millisecond)
	for _, name := range []string{"goroutine", "block", "mutex", "heap"} {
		write(folder, name, 0)
	}
	write(folder, "goroutine", 2)
}
