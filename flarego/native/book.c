#include "book.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST_CAPACITY = FG_SMALL ? 4 : 64 };

int fg_book_init(struct fg_book *b) {
    memset(b, 0, sizeof(*b));
    b->frame_capacity = b->node_capacity = FIRST_CAPACITY;
    b->frames = malloc(FIRST_CAPACITY * sizeof(*b->frames));
    b->nodes = calloc(FIRST_CAPACITY, sizeof(*b->nodes));
    b->frame_slots = calloc(FIRST_CAPACITY * 2, sizeof(uint32_t));
    b->node_slots = calloc(FIRST_CAPACITY * 2, sizeof(uint32_t));
    b->n_nodes = 1;
    if (b->frames && b->nodes && b->frame_slots && b->node_slots)
        return 0;
    fg_book_deinit(b);
    return -ENOMEM;
}

void fg_book_deinit(struct fg_book *b) {
    free(b->frames);
    free(b->nodes);
    free(b->frame_slots);
    free(b->node_slots);
    memset(b, 0, sizeof(*b));
}

size_t fg_book_size(const struct fg_book *b) {
    return b->frame_capacity * (sizeof(*b->frames) + 2 * sizeof(uint32_t)) +
           b->node_capacity * (sizeof(*b->nodes) + 2 * sizeof(uint32_t));
}

uint32_t fg_book_depth(const struct fg_book *b) {
    uint32_t *depths = calloc(b->n_nodes, sizeof(*depths)), most = 0;
    if (!depths)
        return FG_NONE;
    for (uint32_t i = 1; i < b->n_nodes; i++) {
        depths[i] = depths[b->nodes[i].parent] + 1;
        most = depths[i] > most ? depths[i] : most;
    }
    free(depths);
    return most;
}

void fg_book_add_up(const struct fg_book *b, double *weights) {
    for (uint32_t i = b->n_nodes - 1; i > 0; i--)
        weights[b->nodes[i].parent] += weights[i];
}

static uint32_t hash(uint32_t a, uint32_t b, uint32_t c, uint32_t d) {
    uint64_t h = ((uint64_t)a << 32 | b) * 0x9e3779b97f4a7c15u;
    h = (h ^ h >> 32 ^ ((uint64_t)c << 32 | d)) * 0xbf58476d1ce4e5b9u;
    return (uint32_t)(h >> 32);
}

static uint32_t *frame_slot(const struct fg_book *b, const struct fg_book_frame *f) {
    uint32_t mask = b->frame_capacity * 2 - 1, i = hash(f->function, f->file, f->line, f->flags) & mask;
    while (b->frame_slots[i] && memcmp(&b->frames[b->frame_slots[i] - 1], f, sizeof(*f)) != 0)
        i = (i + 1) & mask;
    return &b->frame_slots[i];
}

static uint32_t *node_slot(const struct fg_book *b, struct fg_book_node node) {
    uint32_t mask = b->node_capacity * 2 - 1, i = hash(node.parent, node.frame, 0, 0) & mask;
    for (uint32_t known; (known = b->node_slots[i]); i = (i + 1) & mask)
        if (b->nodes[known].parent == node.parent && b->nodes[known].frame == node.frame)
            break;
    return &b->node_slots[i];
}

static int grow_frames(struct fg_book *b) {
    uint32_t capacity = b->frame_capacity * 2;
    uint32_t *slots = calloc((size_t)capacity * 2, sizeof(*slots));
    struct fg_book_frame *frames = slots ? realloc(b->frames, capacity * sizeof(*frames)) : NULL;
    if (!frames) {
        free(slots);
        return -ENOMEM;
    }
    free(b->frame_slots);
    b->frames = frames;
    b->frame_slots = slots;
    b->frame_capacity = capacity;
    for (uint32_t i = 0; i < b->n_frames; i++)
        *frame_slot(b, &frames[i]) = i + 1;
    return 0;
}

static int grow_nodes(struct fg_book *b) {
    uint32_t capacity = b->node_capacity * 2;
    uint32_t *slots = calloc((size_t)capacity * 2, sizeof(*slots));
    struct fg_book_node *nodes = slots ? realloc(b->nodes, capacity * sizeof(*nodes)) : NULL;
    if (!nodes) {
        free(slots);
        return -ENOMEM;
    }
    free(b->node_slots);
    b->nodes = nodes;
    b->node_slots = slots;
    b->node_capacity = capacity;
    for (uint32_t i = 1; i < b->n_nodes; i++)
        *node_slot(b, nodes[i]) = i;
    return 0;
}

static int intern_frame(struct fg_book *b, struct fg_book_frame frame, uint32_t *number) {
    uint32_t *slot = frame_slot(b, &frame);
    if (!*slot) {
        if (b->n_frames == b->frame_capacity) {
            int err = b->n_frames >= FG_BOOK_MAX ? -E2BIG : grow_frames(b);
            if (err)
                return err;
            slot = frame_slot(b, &frame);
        }
        b->frames[b->n_frames] = frame;
        *slot = ++b->n_frames;
    }
    *number = *slot - 1;
    return 0;
}

static int intern_node(struct fg_book *b, struct fg_book_node node, uint32_t *number) {
    uint32_t *slot = node_slot(b, node);
    if (!*slot) {
        if (b->n_nodes == b->node_capacity) {
            int err = b->n_nodes >= FG_BOOK_MAX ? -E2BIG : grow_nodes(b);
            if (err)
                return err;
            slot = node_slot(b, node);
        }
        b->nodes[b->n_nodes] = node;
        *slot = b->n_nodes++;
    }
    *number = *slot;
    return 0;
}

static struct fg_bytes *column(struct fg_numbers *n, size_t i) { return (struct fg_bytes *)n + i; }
enum { N_COLUMNS = sizeof(struct fg_numbers) / sizeof(struct fg_bytes) };

int fg_numbers_init(struct fg_numbers *n) {
    memset(n, 0, sizeof(*n));
    return fg_bytes_append(&n->nodes, &(uint32_t){0}, 4);
}

void fg_numbers_deinit(struct fg_numbers *n) {
    for (size_t i = 0; i < N_COLUMNS; i++)
        fg_bytes_free(column(n, i));
}

size_t fg_numbers_size(const struct fg_numbers *n) {
    size_t size = 0;
    for (size_t i = 0; i < N_COLUMNS; i++)
        size += column((struct fg_numbers *)n, i)->capacity;
    return size;
}

void fg_numbers_close(struct fg_numbers *n) {
    fg_bytes_free(&n->strings);
    fg_bytes_free(&n->frames);
    fg_bytes_free(&n->location_ends);
    fg_bytes_free(&n->location_frames);
}

static uint32_t at(const uint8_t *column, size_t i) {
    uint32_t value;
    memcpy(&value, column + i * 4, 4);
    return value;
}

static uint32_t length(const struct fg_bytes *b) { return (uint32_t)(b->size / 4); }

static bool below(const uint8_t *numbers, size_t n, size_t limit) {
    for (size_t i = 0; i < n; i++)
        if (at(numbers, i) >= limit)
            return false;
    return true;
}

// Whether everything that is defined refers to what is defined before it.
static bool is_sound(const struct fg_numbers *n, const struct fg_defined *d) {
    size_t strings = length(&n->strings) + d->n_strings, frames = length(&n->frames) + d->n_frames;
    size_t locations = length(&n->location_ends) + d->n_locations, total = 0;
    for (size_t i = 0; i < d->n_locations; i++)
        total += d->location_counts[i];
    if (total != d->n_location_frames || !below(d->functions, d->n_frames, strings) ||
        !below(d->files, d->n_frames, strings) || !below(d->location_frames, total, frames) ||
        !below(d->locations, d->n_nodes, locations))
        return false;
    for (size_t i = 0; i < d->n_nodes; i++)
        if (at(d->parents, i) >= length(&n->nodes) + i)
            return false;
    return true;
}

static bool fits(const struct fg_numbers *n, const struct fg_defined *d) {
    return d->n_strings <= FG_BOOK_MAX - length(&n->strings) && d->n_frames <= FG_BOOK_MAX - length(&n->frames) &&
           d->n_locations <= FG_BOOK_MAX - length(&n->location_ends) &&
           d->n_location_frames <= 2 * (size_t)FG_BOOK_MAX - length(&n->location_frames) &&
           d->n_nodes <= FG_BOOK_MAX + 1 - length(&n->nodes) && d->n_groups <= FG_BOOK_MAX - length(&n->groups);
}

static int define_frames(struct fg_numbers *n, struct fg_book *b, const struct fg_defined *d) {
    int err = 0;
    for (size_t i = 0; i < d->n_frames && !err; i++) {
        uint32_t number;
        err = intern_frame(b,
                           (struct fg_book_frame){at(n->strings.data, at(d->functions, i)),
                                                  at(n->strings.data, at(d->files, i)), at(d->lines, i), d->flags[i]},
                           &number);
        if (!err)
            err = fg_bytes_append(&n->frames, &number, 4);
    }
    return err;
}

static int define_locations(struct fg_numbers *n, const struct fg_defined *d) {
    int err = 0;
    for (size_t i = 0; i < d->n_location_frames && !err; i++) {
        uint32_t frame = at(n->frames.data, at(d->location_frames, i));
        err = fg_bytes_append(&n->location_frames, &frame, 4);
    }
    uint32_t known = length(&n->location_ends), end = known ? at(n->location_ends.data, known - 1) : 0;
    for (size_t i = 0; i < d->n_locations && !err; i++) {
        end += d->location_counts[i];
        err = fg_bytes_append(&n->location_ends, &end, 4);
    }
    return err;
}

static int define_nodes(struct fg_numbers *n, struct fg_book *b, const struct fg_defined *d) {
    int err = 0;
    for (size_t i = 0; i < d->n_nodes && !err; i++) {
        uint32_t node = at(n->nodes.data, at(d->parents, i)), location = at(d->locations, i);
        uint32_t frame = location ? at(n->location_ends.data, location - 1) : 0;
        for (uint32_t end = at(n->location_ends.data, location); frame < end && !err; frame++)
            err = intern_node(b, (struct fg_book_node){node, at(n->location_frames.data, frame)}, &node);
        if (!err)
            err = fg_bytes_append(&n->nodes, &node, 4);
    }
    return err;
}

int fg_numbers_define(struct fg_numbers *n, struct fg_book *b, const struct fg_defined *d) {
    if (!fits(n, d))
        return -E2BIG;
    if (!is_sound(n, d))
        return -EINVAL;
    int err = d->n_strings ? fg_bytes_append(&n->strings, d->strings, d->n_strings * 4) : 0;
    if (!err && d->n_groups)
        err = fg_bytes_append(&n->groups, d->groups, d->n_groups * 4);
    if (!err)
        err = define_frames(n, b, d);
    if (!err)
        err = define_locations(n, d);
    return err ? err : define_nodes(n, b, d);
}
