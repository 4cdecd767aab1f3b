// Command garbage allocates until told to "stop"; "go" makes it begin again.
package main

import (
	"sync/atomic"
	"time"

	"example.com/targets/truth"
)

var (
	running atomic.Bool
	kept    [64][]byte
)

func allocate() {
	for i := 0; ; i++ {
		if !running.Load() {
			time.Sleep(time.Millisecond)
			continue
		}
		kept[i%len(kept)] = make([]byte, 64<<10)
		if i%100 == 0 {
			time.Sleep(time.Millisecond)
		}
		truth.Ops.Add(1)
	}
}

func main() {
	running.Store(true)
	go allocate()
	truth.Handle("stop", func(string) []byte { running.Store(false); time.Sleep(50 * time.Millisecond); return nil })
	truth.Handle("go", func(string) []byte { running.Store(true); return nil })
	truth.Serve()
}
