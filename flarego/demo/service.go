package main

import (
	"context"
	"encoding/json"
	"net/http"
	_ "net/http/pprof" // /debug/pprof/ on http.DefaultServeMux
	"runtime/pprof"
	"strconv"
	"sync/atomic"
)

// service is everything one order passes through.
type service struct {
	prices    *priceCache
	ledger    *pool
	payments  *paymentClient
	mail      *workers
	followers *followers
	leak      *leak
	orders    atomic.Int64
}

func newService() (*service, error) {
	database, err := serveSlowly(databaseLatency)
	if err != nil {
		return nil, err
	}
	provider, err := serveSlowly(paymentLatency)
	if err != nil {
		return nil, err
	}
	ledger := newPool(database, poolSize)
	return &service{
		prices:    newPriceCache(ledger),
		ledger:    ledger,
		payments:  newPaymentClient(provider),
		mail:      newWorkers(workerCount),
		followers: newFollowers(),
		leak:      &leak{},
	}, nil
}

func (s *service) routes() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/debug/pprof/", http.DefaultServeMux)
	mux.HandleFunc("/metrics.json", s.serveMetrics)
	mux.HandleFunc("/leak", s.serveLeak)
	mux.HandleFunc("/order", labelled("order", s.serveOrder))
	mux.HandleFunc("/search", labelled("search", s.serveSearch))
	mux.HandleFunc("/report", labelled("report", s.serveReport))
	return mux
}

// labelled runs a handler under the pprof labels endpoint and tenant.
func labelled(endpoint string, handle http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		labels := pprof.Labels("endpoint", endpoint, "tenant", r.URL.Query().Get("tenant"))
		pprof.Do(r.Context(), labels, func(ctx context.Context) {
			handle(w, r.WithContext(ctx))
		})
	}
}

func (s *service) serveOrder(w http.ResponseWriter, r *http.Request) {
	item := r.URL.Query().Get("item")
	price, err := s.prices.get(r.Context(), item)
	if err == nil {
		err = s.payments.charge(r.Context(), price)
	}
	if err == nil {
		_, err = s.ledger.query(r.Context(), "insert order "+item)
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	number := s.orders.Add(1)
	receipt := s.mail.send(number, item)
	s.followers.announce(number)
	writeJSON(w, map[string]any{"order": number, "price": price, "receipt": receipt})
}

func (s *service) serveSearch(w http.ResponseWriter, r *http.Request) {
	writeJSON(w, search(r.URL.Query().Get("item")))
}

func (s *service) serveReport(w http.ResponseWriter, r *http.Request) {
	if _, err := s.ledger.query(r.Context(), "select orders"); err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	writeJSON(w, report(int(s.orders.Load())))
}

func (s *service) serveLeak(w http.ResponseWriter, r *http.Request) {
	on, err := strconv.ParseBool(r.URL.Query().Get("on"))
	if err != nil || r.Method != http.MethodPost {
		http.Error(w, "usage: POST /leak?on=true", http.StatusBadRequest)
		return
	}
	s.leak.set(on)
}

func writeJSON(w http.ResponseWriter, value any) {
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(value)
}
