//go:build cgo

// Command pluginhost parks a goroutine in a function of the plugin named by its argument.
package main

import (
	"example.com/targets/truth"
	"os"
	"plugin"
)

func main() {
	loaded, err := plugin.Open(os.Args[1])
	if err != nil {
		panic(err)
	}
	wait, err := loaded.Lookup("Wait")
	if err != nil {
		panic(err)
	}
	go wait.(func())()
	truth.Serve()
}
