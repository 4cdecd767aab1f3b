// Definitions and rows of strangers, added up: every byte is an operation or a column of one.
#include "book.h"

#include <stdlib.h>
#include <string.h>

enum { N_TABLES = 3, N_GENERATIONS = 2 };

struct input {
    const uint8_t *data;
    size_t size;
};

static uint8_t take(struct input *in) { return in->size ? (in->size--, *in->data++) : 0; }

// A column of n entries in memory of its own, so that reading past it is noticed. Numbers are small, some of them huge.
static uint8_t *column(struct input *in, size_t n, size_t width) {
    uint8_t *out = malloc(n * width + !n);
    for (size_t i = 0; i < n; i++) {
        uint8_t byte = take(in);
        memset(out + i * width, byte < 250 ? 0 : byte, width);
        out[i * width] = byte;
        if (width == 8)
            out[i * width + 7] = take(in);
    }
    return out;
}

static void define(struct input *in, struct fg_book *book, struct fg_numbers *numbers) {
    struct fg_defined d = {.n_strings = take(in) % 16, .n_frames = take(in) % 16, .n_locations = take(in) % 16,
                           .n_nodes = take(in) % 64, .n_groups = take(in) % 8};
    uint8_t *strings = column(in, d.n_strings, 4), *functions = column(in, d.n_frames, 4);
    uint8_t *files = column(in, d.n_frames, 4), *lines = column(in, d.n_frames, 4), *flags = column(in, d.n_frames, 1);
    uint8_t *counts = column(in, d.n_locations, 1), *parents = column(in, d.n_nodes, 4);
    uint8_t *locations = column(in, d.n_nodes, 4), *groups = column(in, d.n_groups, 4);
    for (size_t i = 0; i < d.n_locations; i++)
        d.n_location_frames += counts[i];
    d.n_location_frames += take(in) == 255;
    uint8_t *frames = column(in, d.n_location_frames, 4);
    d.strings = strings, d.functions = functions, d.files = files, d.lines = lines, d.flags = flags;
    d.location_counts = counts, d.location_frames = frames, d.parents = parents, d.locations = locations, d.groups = groups;
    fg_numbers_define(numbers, book, &d);
    uint8_t *all[] = {strings, functions, files, lines, flags, counts, parents, locations, groups, frames};
    for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++)
        free(all[i]);
}

static void add(struct input *in, struct fg_sums *sums, const struct fg_numbers *numbers) {
    size_t n = take(in) % 64;
    uint8_t *columns[9];
    static const size_t widths[9] = {4, 4, 1, 1, 1, 8, 8, 4, 8};
    for (size_t i = 0; i < 9; i++)
        columns[i] = column(in, n, widths[i]);
    fg_sums_add(sums, numbers, &(struct fg_row_columns){columns[0], columns[1], columns[2], columns[3], columns[4],
                                                        columns[5], columns[6], columns[7], columns[8], n});
    for (size_t i = 0; i < 9; i++)
        free(columns[i]);
}

// What must hold whatever was added.
static void check(const struct fg_book *book, const struct fg_sums *sums) {
    for (uint32_t i = 1; i < book->n_nodes; i++)
        if (book->nodes[i].parent >= i || book->nodes[i].frame >= book->n_frames)
            abort();
    for (uint32_t i = 0; i < sums->n; i++)
        if (sums->rows[i].node >= book->n_nodes || !(sums->rows[i].wall >= 0) || !(sums->rows[i].cpu >= 0))
            abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct input in = {data, size};
    struct fg_book book;
    struct fg_numbers numbers[N_GENERATIONS];
    struct fg_sums sums[N_TABLES];
    if (fg_book_init(&book))
        return 0;
    for (size_t i = 0; i < N_GENERATIONS; i++)
        if (fg_numbers_init(&numbers[i]))
            abort();
    for (size_t i = 0; i < N_TABLES; i++)
        fg_sums_init(&sums[i]);
    while (in.size) {
        uint8_t operation = take(&in);
        struct fg_numbers *generation = &numbers[operation >> 4 & 1];
        struct fg_sums *table = &sums[(operation >> 5) % N_TABLES];
        switch (operation & 7) {
        case 0:
        case 1:
            define(&in, &book, generation);
            break;
        case 2:
        case 3:
        case 4:
            add(&in, table, generation);
            break;
        case 5:
            fg_sums_merge(table, &sums[take(&in) % N_TABLES], operation & 8 ? generation : NULL);
            break;
        case 6:
            fg_sums_freeze(table);
            break;
        case 7:
            fg_numbers_close(generation);
            fg_numbers_deinit(generation);
            if (fg_numbers_init(generation))
                abort();
        }
        check(&book, table);
    }
    for (size_t i = 0; i < N_GENERATIONS; i++)
        fg_numbers_deinit(&numbers[i]);
    for (size_t i = 0; i < N_TABLES; i++)
        fg_sums_deinit(&sums[i]);
    fg_book_deinit(&book);
    return 0;
}
