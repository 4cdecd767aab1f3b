package main

import (
	"math/rand"
	"sync"
	"sync/atomic"
	"time"
)

// followers are customers who watch their orders: many goroutines that mostly wait, each kind in its own way.
type followers struct {
	mu      sync.Mutex
	changed *sync.Cond
	newest  int64
	updates []chan int64
}

func newFollowers() *followers {
	f := &followers{}
	f.changed = sync.NewCond(&f.mu)
	return f
}

// join adds n followers: of ten, six watch a channel, three poll and one waits for every hundredth order.
func (f *followers) join(n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for i := 0; i < n; i++ {
		switch {
		case i%10 < 6:
			update := make(chan int64, 1)
			f.updates = append(f.updates, update)
			go f.watch(update)
		case i%10 < 9:
			go f.poll()
		default:
			go f.celebrate()
		}
	}
}

// announce tells one follower about an order, the way a push notification would.
func (f *followers) announce(order int64) {
	f.mu.Lock()
	f.newest = order
	var update chan int64
	if len(f.updates) > 0 {
		update = f.updates[order%int64(len(f.updates))]
	}
	f.mu.Unlock()
	if order%100 == 0 {
		f.changed.Broadcast()
	}
	select {
	case update <- order:
	default:
	}
}

func (f *followers) watch(update <-chan int64) {
	heartbeat := time.NewTicker(5*time.Second + time.Duration(rand.Int63n(int64(5*time.Second))))
	defer heartbeat.Stop()
	for {
		select {
		case <-update:
		case <-heartbeat.C:
		}
	}
}

func (f *followers) poll() {
	for {
		time.Sleep(2*time.Second + time.Duration(rand.Int63n(int64(4*time.Second))))
	}
}

func (f *followers) celebrate() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for seen := int64(0); ; seen = f.newest / 100 {
		for f.newest/100 == seen {
			f.changed.Wait()
		}
	}
}

const leaksPerSecond = 5

// leak starts goroutines that nobody will ever answer, while it is on.
type leak struct{ on atomic.Bool }

func (l *leak) set(on bool) { l.on.Store(on) }

func (l *leak) run() {
	for range time.Tick(time.Second / leaksPerSecond) {
		if l.on.Load() {
			go abandoned(make(chan struct{}))
		}
	}
}

func abandoned(answer <-chan struct{}) { <-answer }
