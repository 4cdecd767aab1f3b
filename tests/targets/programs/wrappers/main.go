// Command wrappers parks goroutines below what the compiler generates by itself: pointer wrappers, promoted methods,
// interface calls, reflection, and defers that run in a panic or in Goexit.
package main

import (
	"reflect"
	"runtime"
	"sort"

	"example.com/targets/truth"
)

var never = make(chan int)

type waiter interface{ wait() }
type value struct{ n [4]int }
type embedding struct{ value }
type deeper struct{ *embedding }

//go:noinline
func (v value) wait() { <-never }

type slowly []int

func (s slowly) Len() int           { return len(s) }
func (s slowly) Swap(i, j int)      { s[i], s[j] = s[j], s[i] }
func (s slowly) Less(i, j int) bool { <-never; return false }

func throughInterface(w waiter) { w.wait() }
func throughReflect()           { reflect.ValueOf(value{}.wait).Call(nil) }
func throughSort()              { sort.Sort(slowly{2, 1}) }
func inPanic()                  { defer func() { <-never }(); panic("parked") }
func inGoexit()                 { defer func() { <-never }(); runtime.Goexit() }
func inNilFault() {
	defer func() { <-never }()
	var nothing *value
	nothing.n[0]++
}
func afterRecover() {
	defer func() { recover(); <-never }()
	panic("recovered")
}

func main() {
	for _, w := range []waiter{value{}, &value{}, embedding{}, &embedding{}, deeper{&embedding{}}, &deeper{&embedding{}}} {
		go throughInterface(w)
	}
	for _, run := range []func(){throughReflect, throughSort, inPanic, inGoexit, inNilFault, afterRecover} {
		go run()
	}
	truth.Serve()
}
