#include "flarego.h"

#include <linux/perf_event.h>
#include <string.h>

enum { MAX_CHAIN = 160 };

// The kernel walks frame pointers, so where the innermost function has set up no frame its caller is missing: 7 % to
// 36 % of samples. With d = SP delta at ip the chain is whole exactly when d > 0 and BP == SP + d - 8; otherwise the
// word at SP + d is the return address into the caller. Equal to a full unwind in 10,015 of 10,015 samples
// (facts, section 3).
static bool missing_caller(struct fg_scanner *s, const struct fg_sample *sample, uint64_t *out, bool *known) {
    struct fg_pc_info info;
    *known = true;
    if (fg_pc_info(&s->tables, sample->ip, &info) || (info.flag & FG_FUNC_TOP_FRAME))
        return false;
    uint64_t d = (uint64_t)info.sp_delta;
    if (d > 0 && sample->bp == sample->sp + d - 8)
        return false;
    if (d + 8 > sample->stack_size) {
        *known = false;
        return false;
    }
    memcpy(out, sample->stack + d, 8);
    return fg_pc_info(&s->tables, *out, &info) == 0;
}

static bool in_vdso(const struct fg_scanner *s, uint64_t pc) {
    return pc >= s->layout.vdso_start && pc < s->layout.vdso_end;
}

// The sample's stack, innermost first, from the raw chain.
static size_t build_stack(struct fg_scanner *s, const struct fg_sample *sample, uint64_t pcs[MAX_CHAIN], bool *goexit,
                          struct fg_oncpu_counters *c) {
    size_t n = 0;
    uint64_t caller;
    bool known = true;
    *goexit = false;
    // Inside the vDSO the function that called into it has no frame of its own there; Go's profiler names the Go
    // function, and so do we.
    if (!in_vdso(s, sample->ip))
        pcs[n++] = sample->ip | FG_PC_EXACT;
    if (missing_caller(s, sample, &caller, &known))
        pcs[n++] = caller;
    c->unrepaired += !known;
    bool first = true;
    for (uint64_t i = 0; i < sample->n_ips && n < MAX_CHAIN; i++) {
        uint64_t ip;
        memcpy(&ip, sample->ips + i, 8);
        if (ip >= (uint64_t)PERF_CONTEXT_MAX || ip == 0)
            continue; // a mark, not an address
        if (first) {
            first = false; // ip itself
            continue;
        }
        struct fg_pc_info info;
        if (fg_pc_info(&s->tables, ip, &info) == 0 && (info.flag & FG_FUNC_TOP_FRAME)) {
            *goexit = info.special == FG_SPECIAL_GOEXIT;
            break;
        }
        pcs[n++] = ip;
    }
    return n;
}

// The m of a g0, or 0 when the address is no g0.
static uint64_t thread_of(struct fg_scanner *s, uint64_t g0) {
    size_t slot = (size_t)(g0 * 0x9e3779b97f4a7c15u >> 32) % FG_THREAD_CACHE;
    if (s->threads[slot].g0 == g0)
        return s->threads[slot].m;
    uint64_t m = 0, own_g0 = 0;
    if (fg_read(s->memory, g0 + s->layout.g_m, &m, 8) || m == 0 ||
        fg_read(s->memory, m + s->layout.m_g0, &own_g0, 8) || own_g0 != g0)
        return 0;
    s->threads[slot].g0 = g0;
    s->threads[slot].m = m;
    return m;
}

// The goroutine that a g0 runs on behalf of: its m's curg.
static struct fg_goroutine *behind(struct fg_scanner *s, uint64_t g0) {
    uint64_t m = g0 ? thread_of(s, g0) : 0, curg = 0;
    if (m == 0 || fg_read(s->memory, m + s->layout.m_curg, &curg, 8) || curg == 0)
        return NULL;
    return fg_scanner_find(s, curg);
}

// A goroutine younger than the last scan, or dead since: its g still tells where it came from.
static uint32_t group_of_unknown(struct fg_scanner *s, const struct fg_goroutine *g, uint64_t now_ns) {
    struct fg_sight sight;
    if (fg_sight_of(s, g->address, &sight))
        return 0;
    return fg_scanner_group(s, sight.gopc, sight.startpc, fg_sight_is_live(&sight) ? sight.labels : 0, now_ns);
}

// A goroutine inside C: the chain is C only, its Go part is where it entered the call (facts, section 3).
static uint32_t base_of(struct fg_scanner *s, const struct fg_goroutine *g, const uint64_t *pcs, size_t n) {
    struct fg_pc_info info;
    return g && g->in_syscall && n > 0 && fg_pc_info(&s->tables, pcs[0] & ~FG_PC_EXACT, &info) ? g->node : 0;
}

void fg_attribute(struct fg_scanner *s, uint64_t g_register, const uint64_t *pcs, size_t n, bool goexit, uint64_t at_ns,
                  uint64_t weight_ns, struct fg_oncpu_counters *c) {
    struct fg_goroutine *own = fg_scanner_find(s, g_register), *g = own ? own : behind(s, g_register);
    struct fg_pc_info outermost = {0};
    struct fg_row_key key = {.state = FG_RUNNING, .node = fg_trie_intern(&s->trie, base_of(s, own, pcs, n), pcs, n)};
    c->samples++;
    if (goexit && n > 0)
        fg_pc_info(&s->tables, pcs[n - 1] & ~FG_PC_EXACT, &outermost);
    if (g && g->known && (own || g->startpc == outermost.entry)) {
        key.group = g->group;
    } else if (own) {
        key.group = group_of_unknown(s, own, at_ns);
        g = NULL;
    } else if (goexit) { // curg has changed since: the stack itself says which kind of goroutine it was
        key.group = fg_scanner_group(s, 0, outermost.entry, 0, at_ns);
        g = NULL;
    } else {
        key.group = 1;
        key.flags = FG_ROW_NO_GOROUTINE;
        g = NULL;
        c->unattributed++;
    }
    fg_scanner_oncpu(s, g, key, at_ns, weight_ns);
}

void fg_sample_attribute(struct fg_scanner *s, const struct fg_sample *sample, struct fg_oncpu_counters *c) {
    uint64_t pcs[MAX_CHAIN];
    bool goexit;
    size_t n = build_stack(s, sample, pcs, &goexit, c);
    fg_attribute(s, sample->g, pcs, n, goexit, sample->time, sample->period, c);
}
