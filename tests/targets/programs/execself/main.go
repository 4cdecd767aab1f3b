// Command execself replaces itself on the command "exec": by itself, or by the program that is the argument.
package main

import (
	"os"
	"strings"
	"syscall"

	"example.com/targets/truth"
)

func main() {
	truth.Handle("exec", func(command string) []byte {
		argv := strings.Fields(command)
		if len(argv) == 0 {
			argv = []string{"/proc/self/exe"}
		}
		panic(syscall.Exec(argv[0], argv, os.Environ()))
	})
	truth.Serve()
}
