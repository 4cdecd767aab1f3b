#include "flarego.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { SLOTS = 2 * FG_MAX_MEMBERS };

// Times are told in units of this many ns: the low bytes of a double are then zero, and cost nothing once compressed.
static const uint64_t GRAIN_NS = 1 << 20;

static uint32_t hash_of(uint64_t goid) { return (uint32_t)(goid * 0x9e3779b97f4a7c15u >> 32); }

// One in 2^shift, and of those it chooses a larger shift chooses some again.
static bool is_chosen(const struct fg_members *m, uint64_t goid) {
    return (hash_of(goid) >> 12 & ((1u << m->shift) - 1)) == 0;
}

int fg_members_init(struct fg_members *m) {
    memset(m, 0, sizeof(*m));
    m->told = calloc(FG_MAX_MEMBERS, sizeof(*m->told));
    m->slots = calloc(SLOTS, sizeof(*m->slots));
    if (m->told && m->slots)
        return 0;
    fg_members_deinit(m);
    return -ENOMEM;
}

void fg_members_deinit(struct fg_members *m) {
    free(m->told);
    free(m->slots);
    memset(m, 0, sizeof(*m));
}

static uint16_t *slot_of(struct fg_members *m, uint64_t goid) {
    uint32_t at = hash_of(goid) & (SLOTS - 1);
    while (m->slots[at] && m->told[m->slots[at] - 1].goid != goid)
        at = (at + 1) & (SLOTS - 1);
    return &m->slots[at];
}

static struct fg_member *follow(struct fg_members *m, uint64_t goid) {
    uint16_t *slot = slot_of(m, goid);
    if (!*slot) {
        if (m->n == FG_MAX_MEMBERS || !is_chosen(m, goid))
            return NULL;
        m->told[m->n] = (struct fg_member){.goid = goid};
        *slot = (uint16_t)++m->n;
    }
    return &m->told[*slot - 1];
}

static uint64_t count_living(const struct fg_scanner *s) {
    uint64_t n = 0;
    for (uint32_t i = 0; i < s->n; i++)
        n += s->goroutines[i].goid != 0;
    return n;
}

// How many are followed changes only where a generation begins, and not for every goroutine more or less.
static void choose_share(struct fg_members *m) {
    while (m->shift < 20 && m->living >> m->shift > FG_MAX_MEMBERS / 4 * 3)
        m->shift++;
    while (m->shift > 0 && m->living >> (m->shift - 1) <= FG_MAX_MEMBERS / 2)
        m->shift--;
}

static bool is_told(const struct fg_member *old, const struct fg_member *now) {
    bool restless = old->flags & now->flags & FG_MEMBER_RESTLESS;
    return old->told && old->node == now->node && old->group == now->group && old->state == now->state &&
           old->reason == now->reason && old->flags == now->flags && old->on == now->on &&
           (restless || old->since_ns == now->since_ns);
}

static int tell(const struct fg_member *member, uint64_t epoch_ns, struct fg_member_columns *out) {
    uint64_t since_ns = member->since_ns > epoch_ns ? (member->since_ns - epoch_ns) / GRAIN_NS * GRAIN_NS : 0;
    double since = (double)since_ns;
    return fg_bytes_append(&out->goid, &member->goid, 8) | fg_bytes_append(&out->node, &member->node, 4) |
           fg_bytes_append(&out->group, &member->group, 4) | fg_bytes_append(&out->state, &member->state, 1) |
           fg_bytes_append(&out->reason, &member->reason, 1) | fg_bytes_append(&out->flags, &member->flags, 1) |
           fg_bytes_append(&out->since, &since, 8) | fg_bytes_append(&out->on, &member->on, 8);
}

static int look_at(struct fg_scanner *s, const struct fg_goroutine *g, struct fg_definitions *d, uint64_t epoch_ns,
                   struct fg_member_columns *out) {
    struct fg_members *m = &s->members;
    struct fg_member *old = follow(m, g->goid);
    if (!old)
        return 0;
    old->list = m->list;
    if (g->row == FG_NONE)
        return 0; // alive, but where it stands is not known at the moment
    const struct fg_row_key *key = &s->rows.rows[g->row].key;
    struct fg_member now = {.goid = g->goid, .since_ns = g->since_ns, .list = m->list, .told = true,
                            .state = key->state, .reason = key->reason, .flags = key->flags};
    if (g->wait_kind != FG_WAIT_NONE && g->wait_kind != FG_WAIT_TIMER && g->reason != 0)
        now.on = g->wait_address;
    if (m->listed_ns != 0 && g->since_ns > m->listed_ns)
        now.flags |= FG_MEMBER_RESTLESS;
    int err = fg_trie_define(&s->trie, key->node, d, &now.node);
    if (!err)
        err = fg_group_define(&s->rows, key->group, d, &now.group);
    if (err || is_told(old, &now))
        return err;
    *old = now;
    return tell(&now, epoch_ns, out);
}

// Lets go of those that the list just made did not meet.
static int part(struct fg_members *m, struct fg_bytes *left) {
    uint32_t kept = 0;
    int err = 0;
    for (uint32_t i = 0; i < m->n; i++) {
        if (m->told[i].list == m->list)
            m->told[kept++] = m->told[i];
        else
            err |= fg_bytes_append(left, &m->told[i].goid, 8);
    }
    if (kept == m->n)
        return err;
    m->n = kept;
    memset(m->slots, 0, SLOTS * sizeof(*m->slots));
    for (uint32_t i = 0; i < kept; i++)
        *slot_of(m, m->told[i].goid) = (uint16_t)(i + 1);
    return err;
}

static int begin_afresh(struct fg_scanner *s, struct fg_bytes *left) {
    struct fg_members *m = &s->members;
    choose_share(m);
    for (uint32_t i = 0; i < s->n; i++) {
        uint64_t goid = s->goroutines[i].goid;
        uint16_t *slot = goid ? slot_of(m, goid) : NULL;
        if (slot && *slot)
            m->told[*slot - 1].list = m->list;
    }
    int err = part(m, left);
    uint32_t n = m->n;
    m->n = 0;
    memset(m->slots, 0, SLOTS * sizeof(*m->slots));
    for (uint32_t i = 0; i < n; i++) {
        struct fg_member *member = is_chosen(m, m->told[i].goid) ? follow(m, m->told[i].goid) : NULL;
        if (member)
            member->list = m->list;
    }
    return err;
}

int fg_scanner_members(struct fg_scanner *s, bool all, uint64_t now_ns, uint64_t epoch_ns, struct fg_definitions *d,
                       struct fg_member_columns *out) {
    struct fg_members *m = &s->members;
    m->list++;
    m->living = count_living(s);
    int err = all ? begin_afresh(s, &out->left) : 0;
    m->list++;
    for (uint32_t i = 0; i < s->n && !err; i++)
        if (s->goroutines[i].goid != 0)
            err = look_at(s, &s->goroutines[i], d, epoch_ns, out);
    if (!err)
        err = part(m, &out->left);
    m->listed_ns = now_ns;
    return err;
}

static struct fg_bytes *column(struct fg_member_columns *c, size_t i) { return (struct fg_bytes *)c + i; }
enum { N_COLUMNS = sizeof(struct fg_member_columns) / sizeof(struct fg_bytes) };

void fg_member_columns_clear(struct fg_member_columns *c) {
    for (size_t i = 0; i < N_COLUMNS; i++)
        column(c, i)->size = 0;
}

void fg_member_columns_free(struct fg_member_columns *c) {
    for (size_t i = 0; i < N_COLUMNS; i++)
        fg_bytes_free(column(c, i));
}
