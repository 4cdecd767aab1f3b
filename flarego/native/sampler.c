#define _GNU_SOURCE
#include "flarego.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

static const uint64_t MS = 1000000, SECOND = 1000000000;
static const uint64_t CONTROL_NS = 500000000;        // how often rates are decided
static const uint64_t THREADS_NS = 100000000;        // how often new threads are looked for
static const uint64_t WAITS_NS = 1000000000;         // how often wait objects are added up, at the most
static const uint64_t PASS_COST_NS = 20000;          // ns of pause per goroutine after a pass over all of them
static const uint32_t CHEAP_PASS = 10000;            // goroutines that every drain may pass over
static const double PTRACE_MAX_HZ = 20;              // a stop is 0.04 to 2 ms (facts, section 4)
static const double INTERRUPT_GUESS_NS = 15000;      // until calibrated
static const double SMOOTH = 0.3;
static const uint64_t GATE_NS = 20000000;            // how often an idle target's CPU clock is asked whether it still is
static const double STATES_SHARE = 0.1;              // of the first scan, which reads every stack, for states alone

struct fg_sampler {
    struct fg_scanner scanner;
    struct fg_options options;
    struct fg_perf *perf;
    struct fg_ptrace ptrace;
    enum fg_engine engine;
    int perf_error, ptrace_error, error;
    double interrupt_ns;
    pthread_t thread;
    pthread_mutex_t lock;
    int wake;
    bool started;
    struct fg_rates rates;
    struct fg_oncpu_counters oncpu;
    // What the controller saw when it last decided.
    struct {
        uint64_t at_ns, process_cpu_ns, thread_cpu_ns, target_cpu_ns, samples;
    } seen;
    uint64_t gate_cpu_ns, next_scan_ns, next_threads_ns, next_ptrace_ns, next_pass_ns, drained_ns, drained_process_cpu_ns;
    uint64_t sampling_ns; // thread CPU spent on samples since the controller decided
    struct fg_scan_counters drained_scan;
    struct fg_oncpu_counters drained_oncpu;
    struct fg_drain drain;
};

struct fg_scanner *fg_sampler_scanner(struct fg_sampler *s) { return &s->scanner; }

int fg_sampler_create(struct fg_sampler **out, struct fg_memory *m, const struct fg_tables *tables,
                      const struct fg_layout *layout, const struct fg_options *options) {
    struct fg_sampler *s = calloc(1, sizeof(*s));
    if (!s)
        return -ENOMEM;
    int err = fg_scanner_init(&s->scanner, m, tables, layout);
    if (err) {
        free(s);
        return err;
    }
    s->options = *options;
    s->ptrace.pid = m->pid;
    s->wake = -1;
    s->engine = FG_ENGINE_MEMORY;
    s->interrupt_ns = INTERRUPT_GUESS_NS;
    s->drain.definitions.generation = 1;
    pthread_mutex_init(&s->lock, NULL);
    *out = s;
    return 0;
}

static void drain_free(struct fg_drain *d) {
    fg_columns_free(&d->rows);
    fg_member_columns_free(&d->members);
    fg_bytes_free(&d->definitions.locations);
    fg_bytes_free(&d->definitions.node_parents);
    fg_bytes_free(&d->definitions.node_locations);
    fg_bytes_free(&d->definitions.groups);
}

void fg_sampler_destroy(struct fg_sampler *s) {
    fg_sampler_stop(s);
    drain_free(&s->drain);
    fg_scanner_deinit(&s->scanner);
    pthread_mutex_destroy(&s->lock);
    free(s);
}

static uint64_t period_of(double hz) { return (uint64_t)((double)SECOND / hz); }

static void start_engine(struct fg_sampler *s) {
    enum fg_engine wanted = s->options.engine;
    s->engine = FG_ENGINE_MEMORY;
    if (wanted == FG_ENGINE_AUTO || wanted == FG_ENGINE_PERF) {
        s->perf_error = fg_perf_open(&s->perf, s->scanner.memory->pid, period_of(s->rates.oncpu_hz));
        if (s->perf_error == 0)
            s->engine = FG_ENGINE_PERF;
    }
    if (s->engine == FG_ENGINE_MEMORY && (wanted == FG_ENGINE_AUTO || wanted == FG_ENGINE_PTRACE))
        s->engine = FG_ENGINE_PTRACE; // its first sample tells whether it may
}

static void sample_threads(struct fg_sampler *s, uint64_t now) {
    uint64_t before = fg_thread_cpu_ns();
    if (s->perf)
        fg_perf_drain(s->perf, &s->scanner, &s->oncpu);
    if (s->engine == FG_ENGINE_PTRACE && now >= s->next_ptrace_ns) {
        s->ptrace_error = fg_ptrace_sample(&s->ptrace, &s->scanner, &s->oncpu, now);
        if (s->ptrace_error)
            s->engine = FG_ENGINE_MEMORY;
        double hz = s->rates.oncpu_hz < PTRACE_MAX_HZ ? s->rates.oncpu_hz : PTRACE_MAX_HZ;
        s->next_ptrace_ns = now + period_of(hz);
    }
    s->sampling_ns += fg_thread_cpu_ns() - before;
}

static void learn_scan_cost(struct fg_rates *r, double cost_ns, bool first) {
    if (first)
        r->scan_cost_ns = cost_ns * STATES_SHARE;
    else
        r->scan_cost_ns += SMOOTH * (cost_ns - r->scan_cost_ns);
}

static void scan(struct fg_sampler *s, uint64_t now) {
    uint64_t cpu = fg_cpu_of_process_ns(s->scanner.memory->pid), interval = period_of(s->rates.scan_hz);
    if (cpu != 0 && cpu == s->gate_cpu_ns) {
        s->scanner.accounted_ns = now; // nothing ran, so nothing changed (facts, section 6)
        s->next_scan_ns = now + (interval < GATE_NS ? interval : GATE_NS);
        return;
    }
    bool first = s->scanner.counters.scans == 0;
    uint64_t before = fg_thread_cpu_ns();
    int err = fg_scan(&s->scanner, now);
    learn_scan_cost(&s->rates, (double)(fg_thread_cpu_ns() - before), first);
    s->gate_cpu_ns = cpu;
    s->next_scan_ns += interval;
    if (s->next_scan_ns <= now)
        s->next_scan_ns = now + interval; // late: do not try to catch up
    if (err == -ESRCH || err == -EPERM)
        s->error = err;
}

static void control(struct fg_sampler *s, uint64_t now) {
    uint64_t process = fg_process_cpu_ns(), thread = fg_thread_cpu_ns();
    uint64_t target = fg_cpu_of_process_ns(s->scanner.memory->pid);
    double elapsed = (double)(now - s->seen.at_ns);
    if (s->seen.at_ns != 0 && elapsed > 0) {
        struct fg_rates *r = &s->rates;
        double others = (double)(process - s->seen.process_cpu_ns) - (double)(thread - s->seen.thread_cpu_ns);
        uint64_t samples = s->oncpu.samples - s->seen.samples;
        r->other_cpu += SMOOTH * (others / elapsed - r->other_cpu);
        r->cores += SMOOTH * ((double)(target - s->seen.target_cpu_ns) / elapsed - r->cores);
        if (samples > 0)
            r->sample_cost_ns += SMOOTH * ((double)s->sampling_ns / (double)samples + s->interrupt_ns - r->sample_cost_ns);
        double oncpu_before = r->oncpu_hz;
        fg_rates_decide(r, &s->options);
        bool differs = r->oncpu_hz > oncpu_before * 1.15 || r->oncpu_hz < oncpu_before / 1.15;
        if (!differs)
            r->oncpu_hz = oncpu_before;
        else if (s->perf)
            fg_perf_set_period(s->perf, period_of(r->oncpu_hz));
    }
    s->sampling_ns = 0;
    s->seen.at_ns = now;
    s->seen.process_cpu_ns = process;
    s->seen.thread_cpu_ns = thread;
    s->seen.target_cpu_ns = target;
    s->seen.samples = s->oncpu.samples;
}

// One round of what is due; returns when the next is.
static uint64_t round_of(struct fg_sampler *s, uint64_t now) {
    if (s->perf && now >= s->next_threads_ns) {
        fg_perf_refresh(s->perf);
        s->next_threads_ns = now + THREADS_NS;
    }
    sample_threads(s, now); // before the scan, so that it knows who was just seen running
    if (now >= s->next_scan_ns)
        scan(s, now);
    if (now - s->seen.at_ns >= CONTROL_NS)
        control(s, now);
    uint64_t next = s->next_scan_ns;
    if (s->perf && now + fg_perf_ring_ns(s->perf) < next)
        next = now + fg_perf_ring_ns(s->perf);
    if (s->engine == FG_ENGINE_PTRACE && s->next_ptrace_ns < next)
        next = s->next_ptrace_ns;
    return next;
}

static bool sleep_until(struct fg_sampler *s, uint64_t deadline) {
    uint64_t now = fg_now_ns(), left = deadline > now ? deadline - now : 0;
    struct timespec timeout = {(time_t)(left / SECOND), (long)(left % SECOND)};
    struct pollfd wake = {.fd = s->wake, .events = POLLIN};
    return ppoll(&wake, 1, &timeout, NULL) == 0 || !(wake.revents & POLLIN);
}

// Only this thread uses interrupt_ns, but the drain reads it too.
static void calibrate(struct fg_sampler *s) {
    double cost = fg_perf_interrupt_ns();
    pthread_mutex_lock(&s->lock);
    if (cost > 0)
        s->interrupt_ns = s->rates.sample_cost_ns = cost;
    pthread_mutex_unlock(&s->lock);
}

static void *run(void *argument) {
    struct fg_sampler *s = argument;
    uint64_t next = 0;
    pthread_setname_np(pthread_self(), "flarego-sampler");
    do {
        pthread_mutex_lock(&s->lock);
        bool first = s->scanner.counters.scans == 0;
        next = round_of(s, fg_now_ns());
        bool gone = s->error != 0;
        pthread_mutex_unlock(&s->lock);
        if (first && s->perf)
            calibrate(s);
        if (gone)
            next = fg_now_ns() + 50 * MS; // the drain tells; wait to be stopped
    } while (sleep_until(s, next));
    fg_ptrace_release(&s->ptrace);
    return NULL;
}

int fg_sampler_start(struct fg_sampler *s) {
    if (s->started)
        return -EALREADY;
    s->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (s->wake < 0)
        return -errno;
    s->rates = (struct fg_rates){.sample_cost_ns = s->interrupt_ns, .cores = 1};
    s->rates.scan_cost_ns = 2e5; // until the first scan has been measured
    fg_rates_decide(&s->rates, &s->options);
    s->rates.scan_cost_ns = 0;
    start_engine(s);
    s->drained_ns = s->scanner.accounted_ns = s->next_scan_ns = fg_now_ns();
    s->drained_process_cpu_ns = fg_process_cpu_ns();
    int err = pthread_create(&s->thread, NULL, run, s);
    if (err) {
        close(s->wake);
        s->wake = -1;
        return -err;
    }
    s->started = true;
    return 0;
}

void fg_sampler_stop(struct fg_sampler *s) {
    if (s->started) {
        const uint64_t one = 1;
        while (write(s->wake, &one, sizeof(one)) < 0 && errno == EINTR)
            continue;
        pthread_join(s->thread, NULL);
        s->started = false;
    }
    if (s->wake >= 0)
        close(s->wake);
    s->wake = -1;
    if (s->perf)
        fg_perf_close(s->perf);
    s->perf = NULL;
}

static struct fg_scan_counters scan_since(const struct fg_scan_counters *now, const struct fg_scan_counters *then) {
    return (struct fg_scan_counters){now->scans - then->scans,   now->goroutines - then->goroutines,
                                     now->changed - then->changed, now->stacks - then->stacks,
                                     now->torn - then->torn,     now->faults - then->faults,
                                     now->unread - then->unread};
}

static struct fg_oncpu_counters oncpu_since(const struct fg_oncpu_counters *now, const struct fg_oncpu_counters *then) {
    return (struct fg_oncpu_counters){now->samples - then->samples,           now->lost - then->lost,
                                      now->unattributed - then->unattributed, now->unrepaired - then->unrepaired,
                                      now->threads,                           now->uncovered};
}

static void begin_drain(struct fg_drain *d, bool new_generation) {
    struct fg_definitions *defs = &d->definitions;
    if (new_generation) {
        defs->generation++;
        defs->n_nodes = defs->n_locations = defs->n_groups = 0;
    }
    defs->locations.size = defs->node_parents.size = defs->node_locations.size = defs->groups.size = 0;
    fg_columns_clear(&d->rows);
    fg_member_columns_clear(&d->members);
    d->n_waits = 0;
}

static int add_waits(struct fg_sampler *s, struct fg_drain *d, uint64_t now) {
    d->n_waits = fg_scanner_waits(&s->scanner, now, d->waits);
    s->next_pass_ns = now + WAITS_NS;
    if (s->scanner.n * PASS_COST_NS > WAITS_NS)
        s->next_pass_ns = now + s->scanner.n * PASS_COST_NS;
    int err = 0;
    for (size_t i = 0; i < d->n_waits && !err; i++)
        err = fg_trie_define(&s->scanner.trie, d->waits[i].node, &d->definitions, &d->waits[i].node);
    return err;
}

static int add_members(struct fg_sampler *s, struct fg_drain *d, bool all, uint64_t now, uint64_t epoch) {
    int err = fg_scanner_members(&s->scanner, all, now, epoch, &d->definitions, &d->members);
    d->n_members = s->scanner.members.n;
    d->n_living = s->scanner.members.living;
    if (d->n_living == 0)
        s->next_pass_ns = 0; // not scanned yet
    return err;
}

static void tell(struct fg_sampler *s, struct fg_drain *d, uint64_t now) {
    uint64_t process = fg_process_cpu_ns();
    double elapsed = (double)(now - s->drained_ns);
    d->start_ns = s->drained_ns;
    d->end_ns = now;
    d->scan = scan_since(&s->scanner.counters, &s->drained_scan);
    d->oncpu = oncpu_since(&s->oncpu, &s->drained_oncpu);
    double interrupts = s->engine == FG_ENGINE_PERF ? (double)d->oncpu.samples * s->interrupt_ns : 0;
    d->cpu = elapsed > 0 ? ((double)(process - s->drained_process_cpu_ns) + interrupts) / elapsed : 0;
    d->rates = s->rates;
    d->engine = s->engine;
    d->perf_error = s->perf_error;
    d->ptrace_error = s->ptrace_error;
    d->sees_kernel = s->perf && fg_perf_sees_kernel(s->perf);
    d->stops = s->ptrace.stops;
    d->longest_stop_ns = s->ptrace.longest_ns;
    s->drained_scan = s->scanner.counters;
    s->drained_oncpu = s->oncpu;
    s->drained_ns = now;
    s->drained_process_cpu_ns = process;
}

int fg_sampler_drain(struct fg_sampler *s, bool new_generation, uint64_t epoch_ns, const struct fg_drain **out) {
    pthread_mutex_lock(&s->lock);
    struct fg_drain *d = &s->drain;
    uint64_t now = fg_now_ns();
    begin_drain(d, new_generation);
    if (new_generation)
        s->scanner.labels.n_new = 0;
    int err = s->error;
    bool due = now >= s->next_pass_ns || new_generation; // in which everybody is told anew
    if (!err && (due || s->scanner.n <= CHEAP_PASS))
        fg_scanner_find_oldest(&s->scanner);
    if (!err && due)
        err = add_waits(s, d, now);
    if (!err && due)
        err = add_members(s, d, new_generation, now, epoch_ns);
    if (!err)
        err = fg_rows_drain(&s->scanner.rows, &s->scanner.trie, now, &d->definitions, &d->rows, d->counts);
    s->scanner.accounted_ns = now;
    tell(s, d, now);
    if (!err && fg_scanner_is_full(&s->scanner))
        err = fg_scanner_reset(&s->scanner);
    pthread_mutex_unlock(&s->lock);
    *out = d;
    return err;
}

int fg_sampler_labels(struct fg_sampler *s, uint32_t set, struct fg_bytes *out) {
    pthread_mutex_lock(&s->lock);
    const struct fg_labels *labels = &s->scanner.labels;
    int err = set > 0 && set < labels->n ? fg_bytes_append(out, labels->sets[set].bytes, labels->sets[set].size) : 0;
    pthread_mutex_unlock(&s->lock);
    return err;
}
