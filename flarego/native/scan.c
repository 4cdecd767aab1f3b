#include "flarego.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

// Source of the statuses: runtime/runtime2.go at go1.19 … go1.27.
enum go_status {
    G_IDLE, G_RUNNABLE, G_RUNNING, G_SYSCALL, G_WAITING, G_MORIBUND, G_DEAD, G_ENQUEUE, G_COPYSTACK, G_PREEMPTED,
    G_LEAKED, G_DEADEXTRA,
    G_SCAN_BIT = 0x1000,
};

enum { FIRST_CAPACITY = FG_SMALL ? 4 : 256 };

// A goroutine that woke and parked again at the same place is unwound afresh only this often: its stack is nearly
// always the same, and under 50,000 wake-ups a second reading it each time would be the sampler's whole budget.
static const uint64_t REVERIFY_NS = 500000000;

struct fg_pending {
    uint32_t index;
    struct fg_sight sight;
};

static uint64_t word(const uint8_t *g, uint64_t offset) {
    uint64_t value;
    memcpy(&value, g + offset, 8);
    return value;
}

void fg_sight_read(const struct fg_layout *l, const uint8_t *g, struct fg_sight *out) {
    uint32_t status;
    memcpy(&status, g + l->g_status, 4);
    uint64_t syscallsp = word(g, l->g_syscallsp);
    *out = (struct fg_sight){
        .lo = word(g, l->g_stack_lo),
        .hi = word(g, l->g_stack_hi),
        .m = word(g, l->g_m),
        .goid = word(g, l->g_goid),
        .wait_since = word(g, l->g_waitsince),
        .lockedm = word(g, l->g_lockedm),
        .parent = l->g_parent ? word(g, l->g_parent) : 0,
        .gopc = word(g, l->g_gopc),
        .startpc = word(g, l->g_startpc),
        .waiting = word(g, l->g_waiting),
        .labels = word(g, l->g_labels),
        .timer = word(g, l->g_timer),
        .sleep_when = l->g_sleep_when ? word(g, l->g_sleep_when) : 0,
        .status = (uint8_t)(status & ~(uint32_t)G_SCAN_BIT),
        .reason = g[l->g_waitreason],
        .seq = g[l->g_tracking_seq],
        .in_syscall = syscallsp != 0,
        .sp = syscallsp ? syscallsp : word(g, l->g_sp),
        .pc = syscallsp ? word(g, l->g_syscallpc) : word(g, l->g_pc),
    };
    if (out->status != G_WAITING && out->status != G_LEAKED)
        out->reason = 0; // left over from the wait before
}

int fg_sight_of(struct fg_scanner *s, uint64_t g_address, struct fg_sight *out) {
    uint8_t g[FG_G_SPAN];
    int err = fg_read(s->memory, g_address, g, s->g_span);
    if (!err)
        fg_sight_read(&s->layout, g, out);
    return err;
}

bool fg_sight_is_live(const struct fg_sight *s) {
    return s->goid != 0 && s->status != G_IDLE && s->status != G_DEAD && s->status != G_DEADEXTRA;
}

bool fg_sight_has_stack(const struct fg_sight *s) {
    bool standing = s->status == G_RUNNABLE || s->status == G_SYSCALL || s->status == G_WAITING ||
                    s->status == G_PREEMPTED || s->status == G_LEAKED;
    return standing && s->lo < s->hi && s->sp >= s->lo && s->sp <= s->hi - 8 && s->hi >= 8;
}

static uint8_t state_of(uint8_t status) {
    switch (status) {
    case G_RUNNABLE:
        return FG_RUNNABLE;
    case G_RUNNING:
        return FG_RUNNING;
    case G_SYSCALL:
        return FG_SYSCALL;
    case G_WAITING:
    case G_LEAKED:
        return FG_WAITING;
    case G_PREEMPTED:
        return FG_PREEMPTED;
    default:
        return FG_OTHER;
    }
}

int fg_scanner_init(struct fg_scanner *s, struct fg_memory *m, const struct fg_tables *tables,
                    const struct fg_layout *layout) {
    memset(s, 0, sizeof(*s));
    s->memory = m;
    s->layout = *layout;
    const uint64_t *offsets = &layout->g_stack_lo, *end = &layout->timer_when; // every g.* field
    for (; offsets < end; offsets++) {
        if (*offsets > FG_G_SPAN - 8)
            return -EINVAL;
        if (*offsets + 8 > s->g_span)
            s->g_span = (uint32_t)*offsets + 8;
    }
    int err = fg_tables_init(&s->tables, m, tables->modules, tables->n_modules);
    if (err)
        return err;
    memcpy(s->tables.special, tables->special, sizeof(tables->special));
    s->buffer = malloc(FG_SCAN_BUFFER);
    s->stacks = malloc((size_t)FG_STACK_BATCH * FG_STACK_WINDOW);
    s->refill = malloc(FG_STACK_REFILL);
    s->again = malloc((size_t)FG_STACK_BATCH * s->g_span);
    s->pending = malloc(FG_STACK_BATCH * sizeof(*s->pending));
    s->spans = malloc(FG_MAX_SPANS_PER_CALL * sizeof(*s->spans));
    s->ok = malloc(FG_MAX_SPANS_PER_CALL);
    if (!s->spans || !s->ok || !s->buffer || !s->stacks || !s->refill || !s->again ||
        !s->pending || fg_trie_init(&s->trie) || fg_rows_init(&s->rows) ||
        fg_labels_init(&s->labels) || fg_members_init(&s->members)) {
        fg_scanner_deinit(s);
        return -ENOMEM;
    }
    fg_group_find(&s->rows, 0, 0, 0, false); // group 0: nothing known
    fg_group_find(&s->rows, 0, 0, 0, true);  // group 1: the runtime's own threads
    return 0;
}

void fg_scanner_deinit(struct fg_scanner *s) {
    fg_tables_deinit(&s->tables);
    fg_trie_deinit(&s->trie);
    fg_rows_deinit(&s->rows);
    fg_labels_deinit(&s->labels);
    fg_members_deinit(&s->members);
    free(s->goroutines);
    free(s->order);
    free(s->index);
    free(s->ranges);
    free(s->system_starts);
    free(s->buffer);
    free(s->stacks);
    free(s->refill);
    free(s->again);
    free(s->pending);
    free(s->spans);
    free(s->ok);
    memset(s, 0, sizeof(*s));
}

int fg_scanner_set_system(struct fg_scanner *s, const uint64_t *starts, size_t n) {
    uint64_t *copy = malloc((n + 1) * sizeof(*copy));
    if (!copy)
        return -ENOMEM;
    memcpy(copy, starts, n * sizeof(*copy));
    free(s->system_starts);
    s->system_starts = copy;
    s->n_system_starts = n;
    return 0;
}

static bool is_system(const struct fg_scanner *s, uint64_t startpc) {
    size_t low = 0, high = s->n_system_starts;
    while (low < high) {
        size_t mid = (low + high) / 2;
        if (s->system_starts[mid] < startpc)
            low = mid + 1;
        else
            high = mid;
    }
    return low < s->n_system_starts && s->system_starts[low] == startpc;
}

// ---- which goroutines there are ----

static uint32_t index_home(const struct fg_scanner *s, uint64_t address) {
    return (uint32_t)(address * 0x9e3779b97f4a7c15u >> 32) & s->index_mask;
}

static void index_add(struct fg_scanner *s, uint32_t i) {
    uint32_t at = index_home(s, s->goroutines[i].address);
    while (s->index[at])
        at = (at + 1) & s->index_mask;
    s->index[at] = i + 1;
}

struct fg_goroutine *fg_scanner_find(struct fg_scanner *s, uint64_t g_address) {
    if (s->n == 0)
        return NULL;
    for (uint32_t at = index_home(s, g_address); s->index[at]; at = (at + 1) & s->index_mask)
        if (s->goroutines[s->index[at] - 1].address == g_address)
            return &s->goroutines[s->index[at] - 1];
    return NULL;
}

static int reserve(struct fg_scanner *s, uint32_t n) {
    if (n <= s->capacity)
        return 0;
    uint32_t capacity = s->capacity ? s->capacity : FIRST_CAPACITY;
    while (capacity < n)
        capacity *= 2;
    struct fg_goroutine *goroutines = realloc(s->goroutines, capacity * sizeof(*goroutines));
    if (goroutines)
        s->goroutines = goroutines;
    uint32_t *order = realloc(s->order, capacity * sizeof(*order));
    if (order)
        s->order = order;
    struct fg_range *ranges = realloc(s->ranges, capacity * sizeof(*ranges));
    if (ranges)
        s->ranges = ranges;
    uint32_t *index = calloc((size_t)capacity * 2, sizeof(*index));
    if (!goroutines || !order || !ranges || !index) {
        free(index);
        return -ENOMEM;
    }
    free(s->index);
    s->index = index;
    s->index_mask = capacity * 2 - 1;
    s->capacity = capacity;
    for (uint32_t i = 0; i < s->n; i++)
        index_add(s, i);
    return 0;
}

static int by_address(const void *a, const void *b, void *context) {
    const struct fg_goroutine *goroutines = context;
    uint64_t x = goroutines[*(const uint32_t *)a].address, y = goroutines[*(const uint32_t *)b].address;
    return (x > y) - (x < y);
}

extern void qsort_r(void *, size_t, size_t, int (*)(const void *, const void *, void *), void *);

// Sorts the indices from `old` on and merges them with those before.
static int order_by_address(struct fg_scanner *s, uint32_t old) {
    uint32_t n_new = s->n - old;
    for (uint32_t i = old; i < s->n; i++)
        s->order[i] = i;
    qsort_r(s->order + old, n_new, sizeof(*s->order), by_address, s->goroutines);
    uint32_t *fresh = malloc((n_new + 1) * sizeof(*fresh));
    if (!fresh)
        return -ENOMEM;
    memcpy(fresh, s->order + old, n_new * sizeof(*fresh));
    uint32_t i = old, k = n_new, to = s->n;
    while (k > 0) {
        bool take_old = i > 0 && s->goroutines[s->order[i - 1]].address > s->goroutines[fresh[k - 1]].address;
        s->order[--to] = take_old ? s->order[--i] : fresh[--k];
    }
    free(fresh);
    return 0;
}

static void build_ranges(struct fg_scanner *s) {
    s->n_ranges = 0;
    for (uint32_t k = 0; k < s->n; k++) {
        uint64_t start = s->goroutines[s->order[k]].address, end = start + s->g_span;
        struct fg_range *last = s->n_ranges ? &s->ranges[s->n_ranges - 1] : NULL;
        if (last && start >= last->end && start - last->end < FG_RANGE_GAP && end - last->start <= FG_RANGE_MAX) {
            last->end = end;
            last->last = k + 1;
        } else {
            s->ranges[s->n_ranges++] = (struct fg_range){start, end, k, k + 1};
        }
    }
}

int fg_scanner_refresh(struct fg_scanner *s) {
    uint64_t header[2]; // the slice: pointer, length
    int err = fg_read(s->memory, s->layout.allgs, header, sizeof(header));
    if (err)
        return err;
    if (header[1] <= s->n || header[1] > FG_MAX_GOROUTINES)
        return 0;
    uint32_t old = s->n, n = (uint32_t)header[1];
    uint64_t chunk[512];
    while (s->n < n) {
        uint32_t some = n - s->n < 512 ? n - s->n : 512;
        if (fg_read(s->memory, header[0] + (uint64_t)s->n * 8, chunk, some * 8))
            break;
        err = reserve(s, s->n + some); // only for what is really there
        if (err)
            return err;
        uint32_t i = 0;
        for (; i < some && chunk[i] != 0 && chunk[i] % 8 == 0; i++) {
            s->goroutines[s->n] = (struct fg_goroutine){.address = chunk[i], .row = FG_NONE};
            index_add(s, s->n++);
        }
        if (i < some)
            break; // the array is being replaced; the rest comes with the next scan
    }
    if (s->n > old) {
        err = order_by_address(s, old);
        build_ranges(s);
    }
    return err;
}

// ---- one goroutine's change of state ----

static void move_to(struct fg_scanner *s, struct fg_goroutine *g, uint32_t row) {
    if (g->row == row)
        return;
    fg_row_leave(&s->rows, g->row, s->accounted_ns);
    fg_row_join(&s->rows, row, s->accounted_ns);
    g->row = row;
}

static void forget(struct fg_scanner *s, struct fg_goroutine *g) {
    move_to(s, g, FG_NONE);
    *g = (struct fg_goroutine){.address = g->address, .row = FG_NONE};
}

static void place(struct fg_scanner *s, struct fg_goroutine *g) {
    struct fg_row_key key = {.node = g->node, .group = g->group, .state = state_of(g->status), .reason = g->reason};
    if (key.state == FG_RUNNING) {
        bool current = g->cpu_ns != 0 && g->cpu_ns >= s->previous_scan_ns;
        if (g->cpu_ns > g->verified_ns)
            key.node = g->cpu_node;
        key.flags = current ? 0 : FG_ROW_STALE;
    }
    move_to(s, g, fg_row_find(&s->rows, key));
}

uint32_t fg_scanner_group(struct fg_scanner *s, uint64_t gopc, uint64_t startpc, uint64_t labels, uint64_t now_ns) {
    uint32_t set = fg_labels_find(&s->labels, s->memory, s->layout.labels_slice, labels, now_ns);
    return fg_group_find(&s->rows, gopc, startpc, set, is_system(s, startpc));
}

static void take_key(struct fg_scanner *s, struct fg_goroutine *g, const struct fg_sight *sight, uint64_t now_ns) {
    bool other = g->goid != sight->goid;
    bool moved = other || g->sp != sight->sp || g->pc != sight->pc || g->seq != sight->seq || g->status != sight->status;
    if (other)
        forget(s, g);
    if (moved)
        g->since_ns = now_ns;
    if (other || g->row == FG_NONE || g->labels != sight->labels || g->startpc != sight->startpc)
        g->group = fg_scanner_group(s, sight->gopc, sight->startpc, sight->labels, now_ns);
    g->goid = sight->goid;
    g->sp = sight->sp;
    g->pc = sight->pc;
    g->startpc = sight->startpc;
    g->labels = sight->labels;
    g->waiting = sight->reason == s->layout.reason_sleep ? sight->timer : sight->waiting;
    if (g->wait_kind == FG_WAIT_CHANNEL || g->wait_kind == FG_WAIT_TIMER)
        g->wait_kind = FG_WAIT_NONE; // found anew for every wait (waits.c)
    g->m = sight->m;
    g->status = sight->status;
    g->reason = sight->reason;
    g->seq = sight->seq;
    g->in_syscall = sight->in_syscall;
    g->known = true;
}

// Takes the stack that was read of a goroutine, unless it moved meanwhile: state and stack belong together. What is torn
// leaves the goroutine in the row it was last seen in; it is looked at again with the next scan, but not forever.
static void take_stack(struct fg_scanner *s, struct fg_goroutine *g, const struct fg_stack *stack, bool stood, uint64_t now_ns) {
    s->counters.stacks++;
    if (!stood || !stack->complete) {
        s->counters.torn++;
        g->known = false;
        if (g->torn < FG_MAX_TORN) {
            g->torn++;
            return;
        }
    }
    g->torn = 0;
    if (stack->complete || g->node == 0) {
        g->node = stack->complete ? fg_trie_intern(&s->trie, 0, stack->pcs, stack->n) : 0;
        g->wait_kind = stack->wait_kind;
        g->wait_address = stack->wait_address;
        g->verified_ns = now_ns;
    } // else the stack known last is nearer the truth than none
    place(s, g);
}

// Whether a goroutine still stands where it stood before its stack was read.
static bool stands(const struct fg_scanner *s, const struct fg_sight *before, const uint8_t *bytes) {
    struct fg_sight after;
    fg_sight_read(&s->layout, bytes, &after);
    return after.goid == before->goid && after.status == before->status && after.reason == before->reason &&
           after.sp == before->sp && after.pc == before->pc && after.seq == before->seq;
}

static int flush_pending(struct fg_scanner *s, uint64_t now_ns) {
    struct fg_span spans[FG_STACK_BATCH], again[FG_STACK_BATCH];
    uint8_t ok[FG_STACK_BATCH], again_ok[FG_STACK_BATCH];
    struct fg_stack stack;
    for (size_t i = 0; i < s->n_pending; i++) {
        const struct fg_sight *sight = &s->pending[i].sight;
        uint64_t room = sight->hi - sight->sp;
        spans[i] = (struct fg_span){sight->sp, room < FG_STACK_WINDOW ? room : FG_STACK_WINDOW};
        again[i] = (struct fg_span){s->goroutines[s->pending[i].index].address, s->g_span};
    }
    ssize_t good = fg_read_spans(s->memory, spans, s->n_pending, s->stacks, ok);
    if (good >= 0)
        good = fg_read_spans(s->memory, again, s->n_pending, s->again, again_ok);
    if (good < 0)
        return (int)good;
    const uint8_t *window = s->stacks;
    for (size_t i = 0; i < s->n_pending; window += spans[i++].size) {
        const struct fg_sight *sight = &s->pending[i].sight;
        struct fg_goroutine *g = &s->goroutines[s->pending[i].index];
        struct fg_stack_memory memory = {s->memory,   sight->lo,     sight->hi, window, spans[i].address,
                                         ok[i] ? spans[i].size : 0, s->refill};
        fg_unwind(&s->tables, &memory, sight->pc, sight->sp, false, &stack);
        take_stack(s, g, &stack, again_ok[i] && stands(s, sight, s->again + i * s->g_span), now_ns);
    }
    s->n_pending = 0;
    return 0;
}

static bool same_place(const struct fg_goroutine *g, const struct fg_sight *sight) {
    return g->known && g->goid == sight->goid && g->status == sight->status && g->sp == sight->sp &&
           g->pc == sight->pc && g->reason == sight->reason;
}

static int look(struct fg_scanner *s, uint32_t i, const uint8_t *bytes, uint64_t now_ns) {
    struct fg_goroutine *g = &s->goroutines[i];
    struct fg_sight sight;
    fg_sight_read(&s->layout, bytes, &sight);
    if (!fg_sight_is_live(&sight)) {
        if (g->known || g->row != FG_NONE)
            forget(s, g);
        return 0;
    }
    s->counters.goroutines++;
    if (sight.status == G_COPYSTACK)
        return 0; // its stack is being moved; it stays where it was seen last
    bool same = same_place(g, &sight);
    if (sight.status == G_RUNNING) {
        if (!same || g->seq != sight.seq)
            take_key(s, g, &sight, now_ns);
        place(s, g);
        return 0;
    }
    bool due = now_ns - g->verified_ns >= REVERIFY_NS;
    if (same && g->seq == sight.seq && g->labels == sight.labels && !(g->unverified && due))
        return 0;
    s->counters.changed++;
    take_key(s, g, &sight, now_ns);
    g->unverified = same && !due;
    if (g->unverified || !fg_sight_has_stack(&sight)) {
        place(s, g);
        return 0;
    }
    s->pending[s->n_pending++] = (struct fg_pending){i, sight};
    return s->n_pending == FG_STACK_BATCH ? flush_pending(s, now_ns) : 0;
}

// Reads ranges [first, last) with one call and looks at every goroutine in them.
static int scan_ranges(struct fg_scanner *s, uint32_t first, uint32_t last, uint64_t now_ns) {
    struct fg_span *spans = s->spans;
    uint8_t *ok = s->ok;
    for (uint32_t r = first; r < last; r++)
        spans[r - first] = (struct fg_span){s->ranges[r].start, s->ranges[r].end - s->ranges[r].start};
    ssize_t good = fg_read_spans(s->memory, spans, last - first, s->buffer, ok);
    if (good < 0)
        return (int)good;
    const uint8_t *from = s->buffer;
    for (uint32_t r = first; r < last; from += spans[r - first].size, r++) {
        if (!ok[r - first]) {
            s->counters.unread += s->ranges[r].last - s->ranges[r].first;
            continue;
        }
        for (uint32_t k = s->ranges[r].first; k < s->ranges[r].last; k++) {
            uint32_t i = s->order[k];
            int err = look(s, i, from + (s->goroutines[i].address - s->ranges[r].start), now_ns);
            if (err)
                return err;
        }
    }
    return s->n_pending ? flush_pending(s, now_ns) : 0;
}

int fg_scan(struct fg_scanner *s, uint64_t now_ns) {
    int err = fg_scanner_refresh(s);
    if (s->accounted_ns == 0)
        s->accounted_ns = now_ns;
    for (uint32_t first = 0; first < s->n_ranges && !err;) {
        uint64_t size = 0;
        uint32_t last = first;
        for (; last < s->n_ranges && last - first < FG_MAX_SPANS_PER_CALL; last++) {
            uint64_t more = s->ranges[last].end - s->ranges[last].start;
            if (size + more > FG_SCAN_BUFFER)
                break;
            size += more;
        }
        err = scan_ranges(s, first, last, now_ns);
        first = last;
    }
    s->n_pending = 0;
    s->counters.scans++;
    s->accounted_ns = s->previous_scan_ns = now_ns;
    return err;
}

void fg_scanner_oncpu(struct fg_scanner *s, struct fg_goroutine *g, struct fg_row_key key, uint64_t at_ns,
                      uint64_t weight_ns) {
    uint32_t row = fg_row_find(&s->rows, key);
    if (row != FG_NONE)
        s->rows.rows[row].cpu_ns += (double)weight_ns;
    if (g) {
        g->cpu_node = key.node;
        g->cpu_ns = at_ns;
    }
}

void fg_scanner_find_oldest(struct fg_scanner *s) {
    for (uint32_t i = 0; i < s->rows.n_rows; i++)
        s->rows.rows[i].oldest_ns = 0;
    for (uint32_t i = 0; i < s->n; i++) {
        const struct fg_goroutine *g = &s->goroutines[i];
        if (g->row == FG_NONE)
            continue;
        struct fg_row *row = &s->rows.rows[g->row];
        if (row->oldest_ns == 0 || g->since_ns < row->oldest_ns)
            row->oldest_ns = g->since_ns;
    }
}

bool fg_scanner_is_full(const struct fg_scanner *s) {
    return s->trie.n_nodes > FG_MAX_NODES / 4 * 3 || s->trie.n_locations > FG_MAX_NODES / 4 * 3 ||
           s->rows.n_groups > 1 << 16 || s->labels.n >= FG_MAX_LABEL_SETS;
}

int fg_scanner_reset(struct fg_scanner *s) {
    struct fg_trie trie;
    struct fg_rows rows;
    struct fg_labels labels;
    int err = fg_trie_init(&trie);
    if (err)
        return err;
    err = fg_rows_init(&rows);
    if (err) {
        fg_trie_deinit(&trie);
        return err;
    }
    err = fg_labels_init(&labels);
    if (err) {
        fg_labels_deinit(&labels);
        fg_rows_deinit(&rows);
        fg_trie_deinit(&trie);
        return err;
    }
    fg_trie_deinit(&s->trie);
    fg_rows_deinit(&s->rows);
    fg_labels_deinit(&s->labels);
    s->trie = trie;
    s->rows = rows;
    s->labels = labels;
    fg_group_find(&s->rows, 0, 0, 0, false);
    fg_group_find(&s->rows, 0, 0, 0, true);
    for (uint32_t i = 0; i < s->n; i++) {
        struct fg_goroutine *g = &s->goroutines[i];
        g->row = FG_NONE;
        g->node = g->cpu_node = g->group = 0;
        g->cpu_ns = g->verified_ns = 0;
        g->known = false; // since_ns stays: the wait did not begin anew
    }
    return 0;
}
