package main

import (
	"net/http"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
)

// serveMetrics tells what the runtime says about itself, for comparison with what an outsider reads: every single-valued
// runtime/metrics entry by name, the collector's cycles and pauses, and the number of orders served.
func (s *service) serveMetrics(w http.ResponseWriter, r *http.Request) {
	values := make(map[string]float64)
	samples := make([]metrics.Sample, 0, 128)
	for _, description := range metrics.All() {
		samples = append(samples, metrics.Sample{Name: description.Name})
	}
	metrics.Read(samples)
	for _, sample := range samples {
		switch sample.Value.Kind() {
		case metrics.KindUint64:
			values[sample.Name] = float64(sample.Value.Uint64())
		case metrics.KindFloat64:
			values[sample.Name] = sample.Value.Float64()
		}
	}
	var gc debug.GCStats
	debug.ReadGCStats(&gc)
	writeJSON(w, map[string]any{
		"version":        runtime.Version(),
		"orders":         s.orders.Load(),
		"goroutines":     runtime.NumGoroutine(),
		"gc_cycles":      gc.NumGC,
		"gc_pause_total": gc.PauseTotal.Nanoseconds(),
		"gc_pauses":      gc.Pause,
		"metrics":        values,
	})
}
