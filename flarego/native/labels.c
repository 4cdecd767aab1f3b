#include "flarego.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

// pprof labels. Up to Go 1.23 g.labels points to a word that points to a map[string]string (runtime/map.go: hmap and
// buckets of 8); since 1.24 to a slice of key-value string pairs, sorted by key (internal/runtime/pprof/label).
// Source: ../shared/facts/GO_RUNTIME.md section 7.

enum {
    MAX_PAIRS = 32,
    MAX_TEXT = 256,
    MAX_LOG_BUCKETS = 4,
    MAX_CHAIN = 4,
    SLOTS = 8,
    MIN_TOP_HASH = 5, // smaller: the slot is empty or has moved
    BUCKET_SIZE = SLOTS + SLOTS * 32 + 8,
    FIRST_SETS = FG_SMALL ? 2 : 64,
};
static const uint64_t CACHED_NS = 1000000000; // a label set's memory may be freed and used again

struct text {
    uint64_t address, size;
};
struct pair {
    struct text key, value;
    char text[2][MAX_TEXT];
};

int fg_labels_init(struct fg_labels *l) {
    memset(l, 0, sizeof(*l));
    l->capacity = FIRST_SETS;
    l->sets = calloc(l->capacity, sizeof(*l->sets));
    l->slots = calloc((size_t)l->capacity * 2, sizeof(*l->slots));
    l->n = 1; // 0: no labels
    return l->sets && l->slots ? 0 : -ENOMEM;
}

void fg_labels_deinit(struct fg_labels *l) {
    for (uint32_t i = 0; i < l->n && l->sets; i++)
        free(l->sets[i].bytes);
    free(l->sets);
    free(l->slots);
    memset(l, 0, sizeof(*l));
}

static uint32_t hash_bytes(const uint8_t *bytes, size_t size) {
    uint64_t h = 1469598103934665603u; // FNV-1a
    for (size_t i = 0; i < size; i++)
        h = (h ^ bytes[i]) * 1099511628211u;
    return (uint32_t)(h ^ h >> 32);
}

static uint32_t *slot_of(struct fg_labels *l, const uint8_t *bytes, size_t size) {
    uint32_t mask = l->capacity * 2 - 1, i = hash_bytes(bytes, size) & mask;
    for (; l->slots[i]; i = (i + 1) & mask) {
        const struct fg_label_set *set = &l->sets[l->slots[i]];
        if (set->size == size && memcmp(set->bytes, bytes, size) == 0)
            break;
    }
    return &l->slots[i];
}

static int grow(struct fg_labels *l) {
    uint32_t capacity = l->capacity * 2;
    struct fg_label_set *sets = realloc(l->sets, capacity * sizeof(*sets));
    if (!sets)
        return -ENOMEM;
    l->sets = sets;
    uint32_t *slots = calloc((size_t)capacity * 2, sizeof(*slots));
    if (!slots)
        return -ENOMEM;
    free(l->slots);
    l->slots = slots;
    l->capacity = capacity;
    for (uint32_t i = 1; i < l->n; i++)
        *slot_of(l, sets[i].bytes, sets[i].size) = i;
    return 0;
}

// The number of the set with these bytes; 0 when there are too many.
static uint32_t intern(struct fg_labels *l, const uint8_t *bytes, size_t size) {
    uint32_t *slot = slot_of(l, bytes, size);
    if (*slot)
        return *slot;
    if (l->n_new >= FG_MAX_NEW_LABEL_SETS || l->n >= FG_MAX_LABEL_SETS) {
        l->overflown++;
        return 0;
    }
    if (l->n == l->capacity) {
        if (grow(l))
            return 0;
        slot = slot_of(l, bytes, size);
    }
    uint8_t *copy = malloc(size);
    if (!copy)
        return 0;
    memcpy(copy, bytes, size);
    l->sets[l->n] = (struct fg_label_set){copy, (uint32_t)size};
    l->n_new++;
    return *slot = l->n++;
}

static size_t read_slice(struct fg_memory *m, uint64_t address, struct pair *pairs) {
    uint64_t header[2], words[4 * MAX_PAIRS];
    if (fg_read(m, address, header, sizeof(header)) || header[1] == 0)
        return 0;
    size_t n = header[1] < MAX_PAIRS ? (size_t)header[1] : MAX_PAIRS;
    if (fg_read(m, header[0], words, n * 32))
        return 0;
    for (size_t i = 0; i < n; i++)
        pairs[i] = (struct pair){{words[4 * i], words[4 * i + 1]}, {words[4 * i + 2], words[4 * i + 3]}, {{0}}};
    return n;
}

static size_t read_buckets(struct fg_memory *m, uint64_t bucket, size_t n, struct pair *pairs) {
    uint8_t raw[BUCKET_SIZE];
    for (int chain = 0; chain < MAX_CHAIN && bucket != 0; chain++) {
        if (fg_read(m, bucket, raw, sizeof(raw)))
            break;
        for (int i = 0; i < SLOTS && n < MAX_PAIRS; i++)
            if (raw[i] >= MIN_TOP_HASH) {
                memcpy(&pairs[n].key, raw + SLOTS + 16 * i, 16);
                memcpy(&pairs[n].value, raw + SLOTS + 16 * SLOTS + 16 * i, 16);
                n++;
            }
        memcpy(&bucket, raw + BUCKET_SIZE - 8, 8);
    }
    return n;
}

static size_t read_map(struct fg_memory *m, uint64_t address, struct pair *pairs) {
    uint64_t map, count, regions[2]; // buckets, and the older ones while a map grows
    uint8_t header[32];
    if (fg_read(m, address, &map, 8) || fg_read(m, map, header, sizeof(header)))
        return 0;
    memcpy(&count, header, 8);
    memcpy(regions, header + 16, 16);
    unsigned log_buckets = header[9];
    if (count == 0 || count > MAX_PAIRS || log_buckets > MAX_LOG_BUCKETS)
        return 0;
    size_t n = 0;
    for (unsigned region = 0; region < 2 && regions[region]; region++)
        for (uint64_t i = 0; i < 1u << log_buckets; i++)
            n = read_buckets(m, regions[region] + i * BUCKET_SIZE, n, pairs);
    return n;
}

static int by_key(const void *a, const void *b) {
    const struct pair *x = a, *y = b;
    uint64_t n = x->key.size < y->key.size ? x->key.size : y->key.size;
    int order = memcmp(x->text[0], y->text[0], (size_t)n);
    return order ? order : (x->key.size > y->key.size) - (x->key.size < y->key.size);
}

// Reads all texts with one call and cuts them to MAX_TEXT.
static int read_texts(struct fg_memory *m, struct pair *pairs, size_t n) {
    struct fg_span spans[2 * MAX_PAIRS];
    uint8_t ok[2 * MAX_PAIRS];
    char texts[2 * MAX_PAIRS * MAX_TEXT], *from = texts;
    for (size_t i = 0; i < n; i++) {
        pairs[i].key.size = pairs[i].key.size < MAX_TEXT ? pairs[i].key.size : MAX_TEXT;
        pairs[i].value.size = pairs[i].value.size < MAX_TEXT ? pairs[i].value.size : MAX_TEXT;
        spans[2 * i] = (struct fg_span){pairs[i].key.address, pairs[i].key.size};
        spans[2 * i + 1] = (struct fg_span){pairs[i].value.address, pairs[i].value.size};
    }
    ssize_t good = fg_read_spans(m, spans, 2 * n, texts, ok);
    if (good < 0 || (size_t)good < 2 * n)
        return -EFAULT;
    for (size_t i = 0; i < 2 * n; from += spans[i++].size)
        memcpy(pairs[i / 2].text[i % 2], from, spans[i].size);
    return 0;
}

static size_t append_text(uint8_t *out, const char *text, uint64_t size) {
    uint16_t length = (uint16_t)size;
    memcpy(out, &length, 2);
    memcpy(out + 2, text, length);
    return 2u + length;
}

static uint32_t read_set(struct fg_labels *l, struct fg_memory *m, bool slice, uint64_t address) {
    struct pair pairs[MAX_PAIRS];
    uint8_t bytes[MAX_PAIRS * 2 * (2 + MAX_TEXT)];
    size_t n = slice ? read_slice(m, address, pairs) : read_map(m, address, pairs), size = 0;
    if (n == 0 || read_texts(m, pairs, n))
        return 0;
    qsort(pairs, n, sizeof(*pairs), by_key);
    for (size_t i = 0; i < n; i++) {
        size += append_text(bytes + size, pairs[i].text[0], pairs[i].key.size);
        size += append_text(bytes + size, pairs[i].text[1], pairs[i].value.size);
    }
    return intern(l, bytes, size);
}

uint32_t fg_labels_find(struct fg_labels *l, struct fg_memory *m, bool slice, uint64_t address, uint64_t now_ns) {
    if (address == 0)
        return 0;
    struct fg_label_cache *cached = &l->cache[(address * 0x9e3779b97f4a7c15u >> 32) % FG_LABEL_CACHE];
    if (cached->address == address && now_ns - cached->read_ns < CACHED_NS)
        return cached->set;
    uint32_t set = read_set(l, m, slice, address);
    *cached = (struct fg_label_cache){address, now_ns, set};
    return set;
}
