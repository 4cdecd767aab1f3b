// Command pause watches the clock without rest on one thread and counts how often, and for how long, it was not running.
// The command "gaps" answers with the counts since the command before, by powers of two of microseconds.
package main

import (
	"fmt"
	"math/bits"
	"runtime"
	"strings"
	"sync/atomic"
	"time"

	"example.com/targets/truth"
)

var (
	counts  [32]atomic.Int64
	stopped atomic.Int64
)

func watch() {
	runtime.LockOSThread()
	for began, last := time.Now(), time.Duration(0); ; {
		now := time.Since(began)
		if gap := now - last; gap > 4*time.Microsecond {
			counts[bits.Len64(uint64(gap/time.Microsecond))].Add(1)
			stopped.Add(int64(gap))
		}
		last = now
		truth.Ops.Add(1)
	}
}

func main() {
	go watch()
	truth.Handle("gaps", func(string) []byte {
		var out strings.Builder
		fmt.Fprintf(&out, `{"stopped_ns": %d, "counts": [`, stopped.Swap(0))
		for i := range counts {
			fmt.Fprintf(&out, "%d,", counts[i].Swap(0))
		}
		return []byte(strings.TrimSuffix(out.String(), ",") + "]}")
	})
	truth.Serve()
}
