#include "flarego.h"

// Bounds of the adaptive rates. 1 kHz is the most the seed asks of on-CPU sampling; 100 scans a second are twenty a
// chunk; below 0.6 Hz a full picture would be older than the two seconds promised at 100,000 goroutines.
static const double SCAN_MAX_HZ = 100, SCAN_MIN_HZ = 0.6, ONCPU_MAX_HZ = 999, ONCPU_MIN_HZ = 11;
// However much the rest of the program costs, sampling keeps this share of the budget: a picture must come.
static const double SAMPLING_MIN_SHARE = 0.5;

static double clamp(double value, double low, double high) { return value < low ? low : value > high ? high : value; }
static double most(double a, double b) { return a > b ? a : b; }

void fg_rates_decide(struct fg_rates *r, const struct fg_options *o) {
    double sampling = most(o->budget - r->other_cpu, o->budget * SAMPLING_MIN_SHARE); // CPU fraction
    double per_scan = most(r->scan_cost_ns, 1000) / 1e9, per_sample = most(r->sample_cost_ns, 100) / 1e9;
    double at_most = SCAN_MAX_HZ * per_scan + ONCPU_MAX_HZ * most(r->cores, 0.01) * per_sample;
    double scale = sampling / at_most; // both rates shrink in proportion
    r->scan_hz = o->scan_hz > 0 ? o->scan_hz : clamp(scale * SCAN_MAX_HZ, SCAN_MIN_HZ, SCAN_MAX_HZ);
    r->oncpu_hz = o->oncpu_hz > 0 ? o->oncpu_hz : clamp(scale * ONCPU_MAX_HZ, ONCPU_MIN_HZ, ONCPU_MAX_HZ);
}
