// Command generics parks goroutines in generic functions and methods, whose names are shortened to [...].
package main

import "example.com/targets/truth"

var never = make(chan int)

type number interface{ ~int | ~float64 }

//go:noinline
func wait[T number](value T) T { <-never; return value }

func inlined[T any](run func(T), value T) { run(value) }

type box[K comparable, V any] struct{ values map[K]V }

//go:noinline
func (b *box[K, V]) get(key K) V { <-never; return b.values[key] }

func (b box[K, V]) each(run func(K, V)) {
	for key, value := range b.values {
		run(key, value)
	}
}

func main() {
	go wait(1)
	go wait(1.5)
	go inlined(func(text string) { wait(len(text)) }, "four")
	go (&box[string, struct{ a, b int }]{}).get("key")
	go box[int, []string]{map[int][]string{1: {"one"}}}.each(func(key int, _ []string) { wait(key) })
	truth.Serve()
}
