#include "book.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST_CAPACITY = FG_SMALL ? 4 : 64 };
static const double MAX_WEIGHT = 9223372036854775808.0; // 2^63 ns: nobody waited for three hundred years

void fg_sums_init(struct fg_sums *s) { memset(s, 0, sizeof(*s)); }

void fg_sums_deinit(struct fg_sums *s) {
    free(s->rows);
    free(s->slots);
    free(s->counted);
    memset(s, 0, sizeof(*s));
}

size_t fg_sums_size(const struct fg_sums *s) {
    return s->capacity * sizeof(*s->rows) + (s->slots ? (size_t)s->mask + 1 : 0) * sizeof(uint32_t) +
           s->counted_capacity * sizeof(uint32_t);
}

static uint32_t *slot_of(const struct fg_sums *s, const struct fg_sum *key) {
    uint64_t h = ((uint64_t)key->node << 32 | key->group) * 0x9e3779b97f4a7c15u;
    h = (h ^ h >> 29 ^ (uint64_t)(key->state | key->reason << 8 | key->flags << 16)) * 0xbf58476d1ce4e5b9u;
    uint32_t i = (uint32_t)(h >> 32) & s->mask;
    for (uint32_t known; (known = s->slots[i]); i = (i + 1) & s->mask) {
        const struct fg_sum *row = &s->rows[known - 1];
        if (row->node == key->node && row->group == key->group && row->state == key->state &&
            row->reason == key->reason && row->flags == key->flags)
            break;
    }
    return &s->slots[i];
}

// Makes room for so many rows more, and all that adding needs.
static int reserve(struct fg_sums *s, size_t more) {
    if (more > FG_SUMS_MAX - s->n)
        return -E2BIG;
    size_t capacity = s->capacity > FIRST_CAPACITY ? s->capacity : FIRST_CAPACITY, slots = 2 * FIRST_CAPACITY;
    while (capacity < s->n + more)
        capacity += capacity / 2;
    if (capacity > s->capacity) {
        struct fg_sum *rows = realloc(s->rows, capacity * sizeof(*rows));
        if (!rows)
            return -ENOMEM;
        s->rows = rows;
        s->capacity = (uint32_t)capacity;
    }
    while (slots < 2 * (s->n + more))
        slots *= 2;
    if (s->slots && slots <= (size_t)s->mask + 1)
        return 0;
    uint32_t *grown = calloc(slots, sizeof(*grown));
    if (!grown)
        return -ENOMEM;
    free(s->slots);
    s->slots = grown;
    s->mask = (uint32_t)slots - 1;
    for (uint32_t i = 0; i < s->n; i++)
        *slot_of(s, &s->rows[i]) = i + 1;
    return 0;
}

static int reserve_counted(struct fg_sums *s, size_t n) {
    if (n <= s->counted_capacity)
        return 0;
    uint32_t *counted = realloc(s->counted, n * sizeof(*counted));
    if (!counted)
        return -ENOMEM;
    s->counted = counted;
    s->counted_capacity = (uint32_t)n;
    return 0;
}

static void forget_counts(struct fg_sums *s) {
    if (!s->counted) // frozen, or new
        for (uint32_t i = 0; i < s->n; i++)
            s->rows[i].count = 0;
    for (uint32_t i = 0; i < s->n_counted; i++)
        s->rows[s->counted[i]].count = 0;
    s->n_counted = 0;
}

static uint32_t plus(uint32_t a, uint32_t b) { return UINT32_MAX - a < b ? UINT32_MAX : a + b; }

static void add_row(struct fg_sums *s, struct fg_sum row) {
    uint32_t *slot = slot_of(s, &row);
    if (!*slot) {
        s->rows[s->n] = (struct fg_sum){row.node, row.group, row.state, row.reason, row.flags, 0, 0, 0, 0};
        *slot = ++s->n;
    }
    struct fg_sum *sum = &s->rows[*slot - 1];
    sum->wall += row.wall;
    sum->cpu += row.cpu;
    if (row.wait > sum->wait)
        sum->wait = row.wait;
    if (row.count && !sum->count)
        s->counted[s->n_counted++] = *slot - 1;
    sum->count = plus(sum->count, row.count);
}

static uint32_t u32_at(const uint8_t *column, size_t i) {
    uint32_t value;
    memcpy(&value, column + i * 4, 4);
    return value;
}

static double weight_at(const uint8_t *column, size_t i) {
    double value;
    memcpy(&value, column + i * 8, 8);
    return value > 0 && value < MAX_WEIGHT ? value : 0;
}

// Rows to add: a chunk's columns or those of another table; in their own numbers, unless there are none to translate.
struct source {
    const struct fg_row_columns *columns;
    const struct fg_sum *rows;
    size_t n;
    const struct fg_numbers *numbers;
};

static struct fg_sum row_at(const struct source *from, size_t i) {
    const struct fg_row_columns *c = from->columns;
    struct fg_sum row = c ? (struct fg_sum){u32_at(c->node, i), u32_at(c->group, i), c->state[i], c->reason[i],
                                            c->flags[i], u32_at(c->count, i), weight_at(c->wall, i),
                                            weight_at(c->cpu, i), weight_at(c->wait, i)}
                          : from->rows[i];
    if (from->numbers) {
        row.node = u32_at(from->numbers->nodes.data, row.node);
        row.group = u32_at(from->numbers->groups.data, row.group);
    }
    return row;
}

static bool is_sound(const struct source *from) {
    if (!from->numbers)
        return true;
    size_t nodes = from->numbers->nodes.size / 4, groups = from->numbers->groups.size / 4;
    for (size_t i = 0; i < from->n; i++) {
        uint32_t node = from->columns ? u32_at(from->columns->node, i) : from->rows[i].node;
        uint32_t group = from->columns ? u32_at(from->columns->group, i) : from->rows[i].group;
        if (node >= nodes || group >= groups)
            return false;
    }
    return true;
}

static int add_all(struct fg_sums *s, const struct source *from) {
    if (from->n > FG_SUMS_MAX)
        return -E2BIG;
    if (!is_sound(from))
        return -EINVAL;
    int err = reserve(s, from->n); // as if all were new: to find out costs as much as to add them
    if (err)
        return err;
    forget_counts(s);
    err = reserve_counted(s, s->n_counted + from->n);
    for (size_t i = 0; i < from->n && !err; i++)
        add_row(s, row_at(from, i));
    return err;
}

int fg_sums_add(struct fg_sums *s, const struct fg_numbers *n, const struct fg_row_columns *rows) {
    return add_all(s, &(struct source){.columns = rows, .n = rows->n, .numbers = n});
}

int fg_sums_merge(struct fg_sums *s, const struct fg_sums *after, const struct fg_numbers *numbers) {
    if (s == after)
        return -EINVAL;
    return add_all(s, &(struct source){.rows = after->rows, .n = after->n, .numbers = numbers});
}

void fg_sums_freeze(struct fg_sums *s) {
    free(s->slots);
    free(s->counted);
    s->slots = s->counted = NULL;
    s->mask = s->n_counted = s->counted_capacity = 0;
    struct fg_sum *rows = s->n ? realloc(s->rows, s->n * sizeof(*rows)) : NULL;
    if (rows) {
        s->rows = rows;
        s->capacity = s->n;
    }
}
