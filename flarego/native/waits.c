#include "flarego.h"

#include <stdlib.h>
#include <string.h>

enum { RESOLVE_BATCH = 1024 };

// A wait younger than this is not looked up: on a busy channel it is over before anybody reads it.
static const uint64_t RESOLVE_AFTER_NS = 100000000;

static bool is_unresolved(const struct fg_scanner *s, const struct fg_goroutine *g, uint64_t now_ns) {
    return g->row != FG_NONE && g->reason != 0 && g->wait_kind == FG_WAIT_NONE &&
           (g->waiting != 0 || g->reason == s->layout.reason_sleep) && now_ns - g->since_ns > RESOLVE_AFTER_NS;
}

// Follows g.waiting → sudog.c for goroutines on channels. A select waits on several; the first stands for all.
static void resolve_channels(struct fg_scanner *s, uint64_t now_ns) {
    static const uint64_t none = 0;
    struct fg_span spans[RESOLVE_BATCH];
    struct fg_goroutine *waiters[RESOLVE_BATCH];
    uint64_t channels[RESOLVE_BATCH];
    size_t n = 0;
    for (uint32_t i = 0; i < s->n && n < RESOLVE_BATCH; i++) {
        struct fg_goroutine *g = &s->goroutines[i];
        if (!is_unresolved(s, g, now_ns))
            continue;
        if (g->waiting == 0) { // asleep: its g owns the timer
            g->wait_kind = FG_WAIT_TIMER;
            g->wait_address = g->address;
            continue;
        }
        waiters[n] = g;
        spans[n++] = (struct fg_span){g->waiting + s->layout.sudog_c, 8};
    }
    if (n == 0 || fg_read_spans(s->memory, spans, n, channels, NULL) < 0)
        return;
    for (size_t i = 0; i < n; i++) {
        waiters[i]->wait_address = channels[i];
        waiters[i]->wait_kind = channels[i] == none ? FG_WAIT_NONE : FG_WAIT_CHANNEL;
        if (channels[i] == none)
            waiters[i]->waiting = 0; // not a channel: do not ask again during this wait
    }
}

static int by_count(const void *a, const void *b) {
    const struct fg_wait_object *x = a, *y = b;
    if (x->count != y->count)
        return x->count < y->count ? 1 : -1;
    return (x->longest_ns < y->longest_ns) - (x->longest_ns > y->longest_ns);
}

static void add_waiter(struct fg_wait_object *o, const struct fg_goroutine *g, uint64_t now_ns) {
    uint64_t waited = now_ns > g->since_ns ? now_ns - g->since_ns : 0;
    o->address = g->wait_address;
    o->kind = g->wait_kind;
    o->count++;
    if (waited >= o->longest_ns) {
        o->longest_ns = waited;
        o->node = g->node;
        o->reason = g->reason;
    }
}

size_t fg_scanner_waits(struct fg_scanner *s, uint64_t now_ns, struct fg_wait_object *out) {
    resolve_channels(s, now_ns);
    size_t slots = 64, n = 0;
    while (slots < (size_t)s->n * 2)
        slots *= 2;
    struct fg_wait_object *table = calloc(slots, sizeof(*table));
    if (!table)
        return 0;
    for (uint32_t i = 0; i < s->n; i++) {
        const struct fg_goroutine *g = &s->goroutines[i];
        if (g->row == FG_NONE || g->reason == 0 || g->wait_kind == FG_WAIT_NONE || g->wait_address == 0)
            continue;
        size_t at = (size_t)(g->wait_address * 0x9e3779b97f4a7c15u >> 20) & (slots - 1);
        while (table[at].count && (table[at].address != g->wait_address || table[at].kind != g->wait_kind))
            at = (at + 1) & (slots - 1);
        add_waiter(&table[at], g, now_ns);
    }
    for (size_t i = 0; i < slots; i++)
        if (table[i].count)
            table[n++] = table[i];
    qsort(table, n, sizeof(*table), by_count);
    if (n > FG_MAX_WAIT_OBJECTS)
        n = FG_MAX_WAIT_OBJECTS;
    memcpy(out, table, n * sizeof(*out));
    free(table);
    return n;
}
