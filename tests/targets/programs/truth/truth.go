// Package truth lets a target tell what it knows about itself. Serve prints "ready", then answers commands from standard
// input, one a line, each with a line "ok LENGTH" and so many bytes; when its input ends, the process ends.
package truth

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"runtime/pprof"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// Ops counts what the target calls an operation.
var Ops atomic.Int64

var commands = map[string]func(argument string) []byte{
	"goroutines": func(string) []byte { return profile("goroutine", 2) },
	"metrics":    func(string) []byte { return Metrics() },
	"cpu":        cpu,
	"gc":         func(string) []byte { runtime.GC(); return nil },
	"ops":        func(string) []byte { return strconv.AppendInt(nil, Ops.Load(), 10) },
	"watch":      watch,
}

// Handle adds a command of the target's own. Call it before Serve.
func Handle(name string, run func(argument string) []byte) { commands[name] = run }

// settle is what goroutines that have just been started get to reach the place where they wait.
const settle = 200 * time.Millisecond

// Serve says "ready" and answers commands. It does not return.
func Serve() {
	time.Sleep(settle)
	fmt.Println("ready")
	for input := bufio.NewScanner(os.Stdin); input.Scan(); {
		name, argument, _ := strings.Cut(input.Text(), " ")
		answer := commands[name](argument)
		fmt.Printf("ok %d\n%s", len(answer), answer)
	}
	os.Exit(0)
}

// Int is the number that a command was given.
func Int(argument string) int {
	n, err := strconv.Atoi(argument)
	if err != nil {
		panic(err)
	}
	return n
}

func profile(name string, debug int) []byte {
	var out bytes.Buffer
	pprof.Lookup(name).WriteTo(&out, debug)
	return out.Bytes()
}

// Metrics is every single-valued runtime/metrics entry and the collector's cycles and pauses, as JSON.
func Metrics() []byte {
	values := make(map[string]float64)
	var samples []metrics.Sample
	for _, description := range metrics.All() {
		samples = append(samples, metrics.Sample{Name: description.Name})
	}
	metrics.Read(samples)
	for _, sample := range samples {
		switch sample.Value.Kind() {
		case metrics.KindUint64:
			values[sample.Name] = float64(sample.Value.Uint64())
		case metrics.KindFloat64:
			values[sample.Name] = sample.Value.Float64()
		}
	}
	var gc debug.GCStats
	debug.ReadGCStats(&gc)
	answer, _ := json.Marshal(map[string]any{
		"goroutines":     runtime.NumGoroutine(),
		"gc_cycles":      gc.NumGC,
		"gc_pause_total": gc.PauseTotal.Nanoseconds(),
		"gc_pauses":      gc.Pause,
		"metrics":        values,
	})
	return answer
}

// cpu is a CPU profile of "SECONDS", or of "SECONDS HZ" at more than the usual 100 samples a second. A second rate
// makes the runtime complain on standard error, and obey.
func cpu(argument string) []byte {
	seconds, hz, _ := strings.Cut(argument, " ")
	if hz != "" {
		runtime.SetCPUProfileRate(Int(hz))
	}
	var out bytes.Buffer
	if err := pprof.StartCPUProfile(&out); err != nil {
		panic(err)
	}
	time.Sleep(time.Duration(Int(seconds)) * time.Second)
	pprof.StopCPUProfile()
	return out.Bytes()
}

var watching atomic.Int64

// watch does what an in-process goroutine profiler does, so many times a second; 0 stops it.
func watch(hz string) []byte {
	turn := watching.Add(1)
	if rate := Int(hz); rate > 0 {
		go func() {
			records := make([]runtime.StackRecord, 200_000)
			for range time.Tick(time.Second / time.Duration(rate)) {
				if watching.Load() != turn {
					return
				}
				runtime.GoroutineProfile(records)
			}
		}()
	}
	return nil
}
