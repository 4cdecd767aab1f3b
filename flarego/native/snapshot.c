#include "flarego.h"

#include <errno.h>
#include <string.h>

// Attempts at one goroutine before its last stack is taken as it is: it runs and parks faster than we read.
enum { ATTEMPTS = 4 };

static bool same_moment(const struct fg_sight *a, const struct fg_sight *b) {
    return a->goid == b->goid && a->status == b->status && a->sp == b->sp && a->pc == b->pc && a->seq == b->seq &&
           a->lo == b->lo && a->hi == b->hi;
}

static void read_stack(struct fg_scanner *s, const struct fg_sight *sight, struct fg_stack *out) {
    struct fg_stack_memory memory = {.memory = s->memory, .lo = sight->lo, .hi = sight->hi, .refill = s->refill};
    fg_unwind(&s->tables, &memory, sight->pc, sight->sp, false, out);
}

static void find_wait(struct fg_scanner *s, struct fg_snapshot *snap) {
    uint64_t channel = 0;
    snap->wait_kind = snap->stack.wait_kind;
    snap->wait_address = snap->stack.wait_address;
    if (snap->sight.reason == 0 || snap->wait_kind != FG_WAIT_NONE)
        return;
    if (snap->sight.reason == s->layout.reason_sleep) {
        snap->wait_kind = FG_WAIT_TIMER;
        snap->wait_address = snap->sight.timer;
        if (s->layout.g_sleep_when == 0)
            fg_read(s->memory, snap->sight.timer + s->layout.timer_when, &snap->sight.sleep_when, 8);
    } else if (snap->sight.waiting && fg_read(s->memory, snap->sight.waiting + s->layout.sudog_c, &channel, 8) == 0 &&
               channel != 0) {
        snap->wait_kind = FG_WAIT_CHANNEL;
        snap->wait_address = channel;
    }
}

// Reads a goroutine, its stack, and the goroutine again, until nothing moved in between.
static int take(struct fg_scanner *s, uint64_t address, struct fg_snapshot *out) {
    struct fg_sight after;
    memset(&out->stack, 0, offsetof(struct fg_stack, pcs));
    for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
        int err = fg_sight_of(s, address, &out->sight);
        if (err)
            return err;
        out->stack.n = 0;
        out->stack.complete = false;
        out->stack.wait_kind = FG_WAIT_NONE;
        if (!fg_sight_is_live(&out->sight) || !fg_sight_has_stack(&out->sight))
            return 0;
        read_stack(s, &out->sight, &out->stack);
        err = fg_sight_of(s, address, &after);
        if (err)
            return err;
        if (out->stack.complete && same_moment(&out->sight, &after))
            break;
    }
    return 0;
}

int fg_snapshot_all(struct fg_scanner *s, fg_snapshot_fn callback, void *context) {
    struct fg_snapshot snap;
    int err = fg_scanner_refresh(s);
    for (uint32_t i = 0; i < s->n && !err; i++) {
        snap.address = s->goroutines[i].address;
        snap.thread = 0;
        err = take(s, snap.address, &snap);
        if (err == -EFAULT) {
            err = 0;
            continue;
        }
        if (err || !fg_sight_is_live(&snap.sight))
            continue;
        find_wait(s, &snap);
        if (snap.sight.m)
            fg_read(s->memory, snap.sight.m + s->layout.m_procid, &snap.thread, 8);
        err = callback(context, &snap);
    }
    return err;
}
