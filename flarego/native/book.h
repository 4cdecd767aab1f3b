// Many generations under one numbering: what their definitions mean, and rows added up by it. Knows no process's memory;
// what it is given comes from the network, so every number is checked before it is followed.
#ifndef FLAREGO_BOOK_H
#define FLAREGO_BOOK_H

#include "flarego.h"

enum {
    FG_BOOK_MAX = FG_SMALL ? 1 << 10 : 1 << 21, // frames of a book; nodes of it; entries of each kind in one generation
    FG_SUMS_MAX = FG_SMALL ? 1 << 9 : 1 << 21,  // rows of one table
};

// ---- book.c: frames and stacks, interned ------------------------------------------------------------------------------

struct fg_book_frame {
    uint32_t function, file, line, flags; // function and file are the caller's numbers of strings
};
struct fg_book_node {
    uint32_t parent, frame; // a node is one call, not one location
};
struct fg_book {
    struct fg_book_frame *frames;
    struct fg_book_node *nodes; // 0 is the empty stack; a parent precedes its children
    uint32_t n_frames, frame_capacity, *frame_slots;
    uint32_t n_nodes, node_capacity, *node_slots; // open addressing: 0 empty, else number (+1 for frames)
};
int fg_book_init(struct fg_book *b);
void fg_book_deinit(struct fg_book *b);
size_t fg_book_size(const struct fg_book *b); // bytes
uint32_t fg_book_depth(const struct fg_book *b); // frames of the deepest stack; FG_NONE without memory to find out
void fg_book_add_up(const struct fg_book *b, double *weights); // of each node: makes it that of all stacks that begin so

// What the numbers of one generation stand for in a book.
struct fg_numbers {
    struct fg_bytes strings, frames, location_ends, location_frames, nodes, groups; // u32 each
};
// Columns of what a chunk defines; see flarego/wire/FORMAT.md. Strings and groups are numbers the caller knows them by.
struct fg_defined {
    const uint8_t *strings, *functions, *files, *lines, *flags, *location_counts, *location_frames, *parents, *locations,
        *groups;
    size_t n_strings, n_frames, n_locations, n_location_frames, n_nodes, n_groups;
};
int fg_numbers_init(struct fg_numbers *n);
void fg_numbers_deinit(struct fg_numbers *n);
size_t fg_numbers_size(const struct fg_numbers *n);
// Adds definitions. -EINVAL when something refers to what is not defined, and nothing was added; -E2BIG when there is too
// much of it, -ENOMEM: what was added so far stays, and the generation can go no further.
int fg_numbers_define(struct fg_numbers *n, struct fg_book *b, const struct fg_defined *d);
void fg_numbers_close(struct fg_numbers *n); // Nothing more will be defined: forgets what only definitions refer to.

// ---- sums.c: rows added up --------------------------------------------------------------------------------------------

struct fg_sum {
    uint32_t node, group; // of the book
    uint8_t state, reason, flags;
    uint32_t count; // at the end of what was added last
    double wall, cpu, wait;
};
struct fg_sums {
    struct fg_sum *rows;
    uint32_t n, capacity, *slots, mask; // slots: NULL when frozen, else 0 empty, else index + 1
    uint32_t *counted, n_counted, counted_capacity; // the rows with a count; NULL when frozen
};
struct fg_row_columns {
    const uint8_t *node, *group, *state, *reason, *flags, *wall, *cpu, *count, *wait;
    size_t n;
};
void fg_sums_init(struct fg_sums *s);
void fg_sums_deinit(struct fg_sums *s);
size_t fg_sums_size(const struct fg_sums *s);
// Adds a chunk's rows. -EINVAL when one refers to what is not defined, -E2BIG, -ENOMEM: nothing was added. What is no
// weight (negative, not a number, more than there is) weighs nothing.
int fg_sums_add(struct fg_sums *s, const struct fg_numbers *n, const struct fg_row_columns *rows);
// Adds what comes after, of the same book; numbers: of another, and what its numbers stand for in this one. Errors as above.
int fg_sums_merge(struct fg_sums *s, const struct fg_sums *after, const struct fg_numbers *numbers);
void fg_sums_freeze(struct fg_sums *s); // Gives back what only adding needs; adding makes it anew.

#endif
