// Command labels has goroutines under pprof labels; the command "labels" tells which function runs under which.
package main

import (
	"context"
	"example.com/targets/truth"
	"fmt"
	"runtime/pprof"
)

var never = make(chan int)

func inherited()  { <-never }
func unlabelled() { <-never }
func tenant()     { <-never }
func nested()     { <-never }
func many()       { <-never }

func main() {
	background := context.Background()
	go unlabelled()
	go pprof.Do(background, pprof.Labels("tenant", "acme"), func(context.Context) { go inherited(); tenant() })
	go pprof.Do(background, pprof.Labels("tenant", "globex", "endpoint", "/order"), func(ctx context.Context) {
		pprof.Do(ctx, pprof.Labels("endpoint", "/pay", "", "no key"), func(context.Context) { nested() })
	})
	var pairs []string
	for i := 0; i < 20; i++ {
		pairs = append(pairs, fmt.Sprintf("key%02d", i), fmt.Sprintf("wert-ä-%d", i))
	}
	go pprof.Do(background, pprof.Labels(pairs...), func(context.Context) { many() })
	truth.Handle("labels", func(string) []byte {
		return []byte(`{"main.unlabelled": {}, "main.tenant": {"tenant": "acme"}, "main.inherited": {"tenant": "acme"},
			"main.nested": {"tenant": "globex", "endpoint": "/pay", "": "no key"}}`)
	})
	truth.Serve()
}
