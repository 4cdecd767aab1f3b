// Command pluginpart is the plugin that pluginhost loads.
package main

var never = make(chan int)

func inner() { <-never }

// Wait never comes back.
func Wait() { inner() }

func main() {}
