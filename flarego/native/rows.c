#include "flarego.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { N_HEADS = FG_SMALL ? 16 : 1 << 14, MAX_ROWS = 1 << 20, MAX_GROUPS = 1 << 18, FIRST_CAPACITY = FG_SMALL ? 4 : 256 };

int fg_rows_init(struct fg_rows *r) {
    memset(r, 0, sizeof(*r));
    r->free_row = FG_NONE;
    r->row_capacity = r->group_capacity = FIRST_CAPACITY;
    r->group_mask = 2 * r->group_capacity - 1;
    r->rows = calloc(r->row_capacity, sizeof(*r->rows));
    r->groups = calloc(r->group_capacity, sizeof(*r->groups));
    r->group_slots = calloc((size_t)r->group_mask + 1, sizeof(uint32_t));
    r->row_heads = malloc(N_HEADS * sizeof(uint32_t));
    if (!r->rows || !r->groups || !r->group_slots || !r->row_heads) {
        fg_rows_deinit(r);
        return -ENOMEM;
    }
    memset(r->row_heads, 0xff, N_HEADS * sizeof(uint32_t));
    return 0;
}

void fg_rows_deinit(struct fg_rows *r) {
    free(r->rows);
    free(r->groups);
    free(r->group_slots);
    free(r->row_heads);
    memset(r, 0, sizeof(*r));
}

static uint32_t *row_head(struct fg_rows *r, const struct fg_row_key *k) {
    uint64_t h = ((uint64_t)k->node << 32 | k->group) * 0x9e3779b97f4a7c15u;
    h ^= (uint64_t)(k->state | k->reason << 8 | k->flags << 16) * 0xbf58476d1ce4e5b9u;
    return &r->row_heads[(h ^ h >> 31) >> 8 & (N_HEADS - 1)];
}

static bool same_key(const struct fg_row_key *a, const struct fg_row_key *b) {
    return a->node == b->node && a->group == b->group && a->state == b->state && a->reason == b->reason &&
           a->flags == b->flags;
}

static uint32_t new_row(struct fg_rows *r) {
    if (r->free_row != FG_NONE) {
        uint32_t row = r->free_row;
        r->free_row = r->rows[row].next;
        return row;
    }
    if (r->n_rows == r->row_capacity) {
        struct fg_row *grown = r->n_rows >= MAX_ROWS ? NULL : realloc(r->rows, r->row_capacity * 2 * sizeof(*grown));
        if (!grown)
            return FG_NONE;
        r->rows = grown;
        r->row_capacity *= 2;
    }
    return r->n_rows++;
}

uint32_t fg_row_find(struct fg_rows *r, struct fg_row_key key) {
    uint32_t *head = row_head(r, &key);
    for (uint32_t i = *head; i != FG_NONE; i = r->rows[i].next)
        if (same_key(&r->rows[i].key, &key))
            return i;
    uint32_t row = new_row(r);
    if (row != FG_NONE) {
        r->rows[row] = (struct fg_row){.key = key, .next = *head, .used = true};
        *head = row;
    }
    return row;
}

static void free_row(struct fg_rows *r, uint32_t row) {
    uint32_t *link = row_head(r, &r->rows[row].key);
    while (*link != row)
        link = &r->rows[*link].next;
    *link = r->rows[row].next;
    r->rows[row].used = false;
    r->rows[row].next = r->free_row;
    r->free_row = row;
}

static void settle(struct fg_row *row, uint64_t at_ns) {
    if (at_ns <= row->settled_ns)
        return;
    row->wall_ns += (double)row->count * (double)(at_ns - row->settled_ns);
    row->settled_ns = at_ns;
}

void fg_row_join(struct fg_rows *r, uint32_t row, uint64_t at_ns) {
    if (row == FG_NONE)
        return;
    settle(&r->rows[row], at_ns);
    r->rows[row].count++;
}

void fg_row_leave(struct fg_rows *r, uint32_t row, uint64_t at_ns) {
    if (row == FG_NONE)
        return;
    settle(&r->rows[row], at_ns);
    r->rows[row].count--;
}

static uint32_t *group_slot(struct fg_rows *r, const struct fg_group *g) {
    uint64_t h = (g->gopc * 31 + g->startpc) * 0x9e3779b97f4a7c15u ^ (uint64_t)g->labels * 0xbf58476d1ce4e5b9u;
    uint32_t i = (uint32_t)(h >> 32) & r->group_mask;
    for (; r->group_slots[i]; i = (i + 1) & r->group_mask) {
        const struct fg_group *other = &r->groups[r->group_slots[i] - 1];
        if (other->gopc == g->gopc && other->startpc == g->startpc && other->labels == g->labels &&
            other->system == g->system)
            break;
    }
    return &r->group_slots[i];
}

static int grow_groups(struct fg_rows *r) {
    uint32_t capacity = r->group_capacity * 2;
    struct fg_group *groups = realloc(r->groups, capacity * sizeof(*groups));
    if (!groups)
        return -ENOMEM;
    r->groups = groups;
    uint32_t *slots = calloc((size_t)capacity * 2, sizeof(*slots));
    if (!slots)
        return -ENOMEM;
    free(r->group_slots);
    r->group_slots = slots;
    r->group_capacity = capacity;
    r->group_mask = capacity * 2 - 1;
    for (uint32_t i = 0; i < r->n_groups; i++)
        *group_slot(r, &groups[i]) = i + 1;
    return 0;
}

uint32_t fg_group_find(struct fg_rows *r, uint64_t gopc, uint64_t startpc, uint32_t labels, bool system) {
    struct fg_group group = {.gopc = gopc, .startpc = startpc, .labels = labels, .system = system};
    uint32_t *slot = group_slot(r, &group);
    if (*slot)
        return *slot - 1;
    if (r->n_groups == r->group_capacity) {
        // Full: fall into the group without labels; those are as few as the program's go statements.
        if (r->n_groups >= MAX_GROUPS || grow_groups(r))
            return labels ? fg_group_find(r, gopc, startpc, 0, system) : 0;
        slot = group_slot(r, &group);
    }
    r->groups[r->n_groups] = group;
    *slot = ++r->n_groups;
    return *slot - 1;
}

int fg_group_define(struct fg_rows *r, uint32_t group, struct fg_definitions *d, uint32_t *wire) {
    struct fg_group *g = &r->groups[group];
    int err = 0;
    if (g->generation != d->generation) {
        g->generation = d->generation;
        g->wire = d->n_groups++;
        const uint64_t words[4] = {g->gopc, g->startpc, g->labels, g->system};
        err = fg_bytes_append(&d->groups, words, sizeof(words));
    }
    *wire = g->wire;
    return err;
}

static int append_row(struct fg_rows *r, struct fg_row *row, struct fg_trie *trie, uint64_t now_ns,
                      struct fg_definitions *d, struct fg_columns *out) {
    uint32_t node, group;
    int err = fg_trie_define(trie, row->key.node, d, &node);
    if (!err)
        err = fg_group_define(r, row->key.group, d, &group);
    if (err)
        return err;
    double wait = row->count && row->oldest_ns && row->oldest_ns < now_ns ? (double)(now_ns - row->oldest_ns) : 0;
    return fg_bytes_append(&out->node, &node, 4) | fg_bytes_append(&out->group, &group, 4) |
           fg_bytes_append(&out->state, &row->key.state, 1) | fg_bytes_append(&out->reason, &row->key.reason, 1) |
           fg_bytes_append(&out->flags, &row->key.flags, 1) | fg_bytes_append(&out->wall, &row->wall_ns, 8) |
           fg_bytes_append(&out->cpu, &row->cpu_ns, 8) | fg_bytes_append(&out->count, &row->count, 4) |
           fg_bytes_append(&out->wait, &wait, 8);
}

int fg_rows_drain(struct fg_rows *r, struct fg_trie *trie, uint64_t now_ns, struct fg_definitions *d,
                  struct fg_columns *out, uint64_t counts[FG_N_STATES + 1]) {
    memset(counts, 0, (FG_N_STATES + 1) * sizeof(*counts));
    int err = 0;
    for (uint32_t i = 0; i < r->n_rows && !err; i++) {
        struct fg_row *row = &r->rows[i];
        if (!row->used)
            continue;
        settle(row, now_ns);
        counts[r->groups[row->key.group].system ? FG_N_STATES : row->key.state] += row->count;
        if (row->wall_ns > 0 || row->cpu_ns > 0)
            err = append_row(r, row, trie, now_ns, d, out);
        row->wall_ns = row->cpu_ns = 0;
        if (row->count == 0)
            free_row(r, i);
    }
    return err;
}

static struct fg_bytes *column(struct fg_columns *c, size_t i) { return (struct fg_bytes *)c + i; }
enum { N_COLUMNS = sizeof(struct fg_columns) / sizeof(struct fg_bytes) };

void fg_columns_clear(struct fg_columns *c) {
    for (size_t i = 0; i < N_COLUMNS; i++)
        column(c, i)->size = 0;
}

void fg_columns_free(struct fg_columns *c) {
    for (size_t i = 0; i < N_COLUMNS; i++)
        fg_bytes_free(column(c, i));
}
