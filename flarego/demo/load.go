package main

import (
	"fmt"
	"io"
	"math"
	"math/rand"
	"net/http"
	"net/url"
	"time"
)

const (
	maxInFlight = 256
	loadWave    = time.Minute // the load swells and ebbs by 40% over this period
)

// load sends requests at a rate of its own, whether or not the service keeps up, up to maxInFlight at once.
type load struct {
	url      string
	qps      float64
	client   *http.Client
	inFlight chan struct{}
}

func newLoad(url string, qps float64) *load {
	return &load{
		url:      url,
		qps:      qps,
		client:   &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: maxInFlight}},
		inFlight: make(chan struct{}, maxInFlight),
	}
}

func (l *load) run() {
	for began := time.Now(); ; {
		phase := 2 * math.Pi * float64(time.Since(began)) / float64(loadWave)
		rate := l.qps * (1 + 0.4*math.Sin(phase))
		time.Sleep(time.Duration(rand.ExpFloat64() / rate * float64(time.Second)))
		l.inFlight <- struct{}{}
		go l.request()
	}
}

const nItems = 40

var tenants = []string{"acme", "globex", "initech", "umbrella"}

func (l *load) request() {
	defer func() { <-l.inFlight }()
	endpoint := "order"
	switch n := rand.Intn(100); {
	case n < 4:
		endpoint = "report"
	case n < 24:
		endpoint = "search"
	}
	item := fmt.Sprintf("item-%d", rand.Intn(nItems))
	query := url.Values{"tenant": {tenants[rand.Intn(len(tenants))]}, "item": {item}}
	response, err := l.client.Get(fmt.Sprintf("%s/%s?%s", l.url, endpoint, query.Encode()))
	if err != nil {
		return
	}
	io.Copy(io.Discard, response.Body)
	response.Body.Close()
}
