package main

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"sort"
	"strings"
	"time"
)

const workerCount = 6

// workers write receipts: jobs go in over one channel, each result comes back over its own.
type workers struct{ jobs chan job }

type job struct {
	order   int64
	item    string
	receipt chan<- string
}

func newWorkers(n int) *workers {
	w := &workers{jobs: make(chan job)}
	for i := 0; i < n; i++ {
		go w.run()
	}
	return w
}

func (w *workers) send(order int64, item string) string {
	receipt := make(chan string)
	w.jobs <- job{order, item, receipt}
	return <-receipt
}

func (w *workers) run() {
	for j := range w.jobs {
		time.Sleep(8 * time.Millisecond) // the mail server
		j.receipt <- sign(fmt.Sprintf("order %d: %s", j.order, j.item))
	}
}

// sign is the CPU-hot part: a hash stretched as if it were a password.
func sign(text string) string {
	sum := sha256.Sum256([]byte(text))
	for i := 0; i < 500; i++ {
		sum = sha256.Sum256(sum[:])
	}
	return hex.EncodeToString(sum[:])
}

type product struct {
	Name  string  `json:"name"`
	Score float64 `json:"score"`
}

// search ranks a catalogue that it builds anew every time.
func search(text string) []product {
	found := make([]product, 400)
	for i := range found {
		name := fmt.Sprintf("%s-%03d", text, (i*7919)%len(found))
		found[i] = product{name, score(name)}
	}
	sort.Slice(found, func(i, j int) bool { return found[i].Score > found[j].Score })
	return found[:20]
}

func score(name string) float64 {
	var total uint32
	for i := 0; i < len(name); i++ {
		total = total*31 + uint32(name[i])
	}
	return float64(total%1000) / 1000
}

// report is what keeps the garbage collector busy: about two megabytes, used once.
func report(orders int) map[string]int {
	var text strings.Builder
	for i := 0; i < 4000; i++ {
		line, _ := json.Marshal(product{fmt.Sprintf("order-%d", orders-i), float64(i)})
		text.Write(line)
		text.WriteByte('\n')
	}
	totals := make(map[string]int)
	for _, line := range strings.Split(text.String(), "\n") {
		if len(line) > 20 {
			totals[line[9:15]]++
		}
	}
	return totals
}
