// Command exitsoon exits with status 7 after so many milliseconds.
package main

import (
	"flag"
	"os"
	"time"

	"example.com/targets/truth"
)

func main() {
	after := flag.Int("after", 300, "milliseconds")
	flag.Parse()
	time.AfterFunc(time.Duration(*after)*time.Millisecond, func() { os.Exit(7) })
	truth.Serve()
}
