// Command orders is a small order service that is slow for reasons its CPU profile does not show: a price cache that
// holds its lock while it asks the database, a connection pool that is too small, a payment provider that takes its
// time. It brings its own load, so that there is something to look at. Standard library only, Go 1.19 or later.
package main

import (
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
)

func main() {
	addr := flag.String("addr", "127.0.0.1:0", "`address` to listen on")
	goroutines := flag.Int("goroutines", 300, "customers who follow their orders: `N` goroutines that mostly wait")
	load := flag.Float64("load", 150, "requests per second (`qps`) that the built-in load generator sends, 0 for none")
	leak := flag.Bool("leak", false, "leak a few goroutines every second (POST /leak?on=true or false changes it)")
	untilEOF := flag.Bool("until-eof", false, "exit when standard input is closed, and so with the parent process")
	flag.Parse()

	service, err := newService()
	if err != nil {
		log.Fatal(err)
	}
	listener, err := net.Listen("tcp", *addr)
	if err != nil {
		log.Fatal(err)
	}
	url := "http://" + listener.Addr().String()
	fmt.Println("listening", url)

	service.followers.join(*goroutines)
	service.leak.set(*leak)
	go service.leak.run()
	if *load > 0 {
		go newLoad(url, *load).run()
	}
	if *untilEOF {
		go exitAtEOF()
	}
	log.Fatal(http.Serve(listener, service.routes()))
}

func exitAtEOF() {
	io.Copy(io.Discard, os.Stdin)
	os.Exit(0)
}
