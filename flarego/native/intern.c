#include "flarego.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int fg_bytes_append(struct fg_bytes *b, const void *data, size_t size) {
    if (b->capacity - b->size < size) {
        size_t capacity = b->capacity ? b->capacity : 1024;
        while (capacity - b->size < size)
            capacity *= 2;
        uint8_t *grown = realloc(b->data, capacity);
        if (!grown)
            return -ENOMEM;
        b->data = grown;
        b->capacity = capacity;
    }
    memcpy(b->data + b->size, data, size);
    b->size += size;
    return 0;
}

void fg_bytes_free(struct fg_bytes *b) {
    free(b->data);
    memset(b, 0, sizeof(*b));
}

enum { FIRST_CAPACITY = FG_SMALL ? 16 : 1024 };

int fg_trie_init(struct fg_trie *trie) {
    memset(trie, 0, sizeof(*trie));
    trie->node_capacity = trie->location_capacity = FIRST_CAPACITY;
    trie->node_mask = trie->location_mask = FIRST_CAPACITY * 2 - 1;
    trie->nodes = calloc(FIRST_CAPACITY, sizeof(*trie->nodes));
    trie->locations = calloc(FIRST_CAPACITY, sizeof(*trie->locations));
    trie->node_slots = calloc(FIRST_CAPACITY * 2, sizeof(uint32_t));
    trie->location_slots = calloc(FIRST_CAPACITY * 2, sizeof(uint32_t));
    trie->n_nodes = 1;
    if (trie->nodes && trie->locations && trie->node_slots && trie->location_slots)
        return 0;
    fg_trie_deinit(trie);
    return -ENOMEM;
}

void fg_trie_deinit(struct fg_trie *trie) {
    free(trie->nodes);
    free(trie->locations);
    free(trie->node_slots);
    free(trie->location_slots);
    memset(trie, 0, sizeof(*trie));
}

static uint32_t hash_pair(uint64_t a, uint64_t b) {
    uint64_t h = (a ^ (b << 32 | b >> 32)) * 0x9e3779b97f4a7c15u;
    h ^= h >> 29;
    h *= 0xbf58476d1ce4e5b9u;
    return (uint32_t)(h >> 32);
}

static uint32_t *node_slot(const struct fg_trie *trie, uint32_t parent, uint32_t location) {
    uint32_t i = hash_pair(parent, location) & trie->node_mask;
    while (trie->node_slots[i]) {
        const struct fg_node *node = &trie->nodes[trie->node_slots[i]];
        if (node->parent == parent && node->location == location)
            break;
        i = (i + 1) & trie->node_mask;
    }
    return &trie->node_slots[i];
}

static uint32_t *location_slot(const struct fg_trie *trie, uint64_t pc) {
    uint32_t i = hash_pair(pc, pc >> 32) & trie->location_mask;
    while (trie->location_slots[i] && trie->locations[trie->location_slots[i] - 1].pc != pc)
        i = (i + 1) & trie->location_mask;
    return &trie->location_slots[i];
}

static int grow_nodes(struct fg_trie *trie) {
    uint32_t capacity = trie->node_capacity * 2;
    struct fg_node *nodes = realloc(trie->nodes, capacity * sizeof(*nodes));
    if (!nodes)
        return -ENOMEM;
    trie->nodes = nodes;
    uint32_t *slots = calloc((size_t)capacity * 2, sizeof(*slots));
    if (!slots)
        return -ENOMEM;
    free(trie->node_slots);
    trie->node_slots = slots;
    trie->node_capacity = capacity;
    trie->node_mask = capacity * 2 - 1;
    for (uint32_t i = 1; i < trie->n_nodes; i++)
        *node_slot(trie, nodes[i].parent, nodes[i].location) = i;
    return 0;
}

static int grow_locations(struct fg_trie *trie) {
    uint32_t capacity = trie->location_capacity * 2;
    struct fg_location *locations = realloc(trie->locations, capacity * sizeof(*locations));
    if (!locations)
        return -ENOMEM;
    trie->locations = locations;
    uint32_t *slots = calloc((size_t)capacity * 2, sizeof(*slots));
    if (!slots)
        return -ENOMEM;
    free(trie->location_slots);
    trie->location_slots = slots;
    trie->location_capacity = capacity;
    trie->location_mask = capacity * 2 - 1;
    for (uint32_t i = 0; i < trie->n_locations; i++)
        *location_slot(trie, locations[i].pc) = i + 1;
    return 0;
}

// Index of the pc's location, or UINT32_MAX when there is no room.
static uint32_t intern_location(struct fg_trie *trie, uint64_t pc) {
    uint32_t *slot = location_slot(trie, pc);
    if (*slot)
        return *slot - 1;
    if (trie->n_locations == trie->location_capacity) {
        if (trie->n_locations >= FG_MAX_NODES || grow_locations(trie))
            return UINT32_MAX;
        slot = location_slot(trie, pc);
    }
    trie->locations[trie->n_locations] = (struct fg_location){.pc = pc};
    *slot = ++trie->n_locations;
    return *slot - 1;
}

static uint32_t intern_child(struct fg_trie *trie, uint32_t parent, uint64_t pc) {
    uint32_t location = intern_location(trie, pc);
    if (location == UINT32_MAX)
        return UINT32_MAX;
    uint32_t *slot = node_slot(trie, parent, location);
    if (*slot)
        return *slot;
    if (trie->n_nodes == trie->node_capacity) {
        if (trie->n_nodes >= FG_MAX_NODES || grow_nodes(trie))
            return UINT32_MAX;
        slot = node_slot(trie, parent, location);
    }
    trie->nodes[trie->n_nodes] = (struct fg_node){.parent = parent, .location = location};
    *slot = trie->n_nodes++;
    return *slot;
}

uint32_t fg_trie_intern(struct fg_trie *trie, uint32_t base, const uint64_t *pcs, size_t n) {
    uint32_t node = base;
    while (n-- > 0) {
        uint32_t child = intern_child(trie, node, pcs[n]);
        if (child == UINT32_MAX)
            break;
        node = child;
    }
    return node;
}

static int define_location(struct fg_location *location, struct fg_definitions *d) {
    if (location->generation == d->generation)
        return 0;
    location->generation = d->generation;
    location->wire = d->n_locations++;
    return fg_bytes_append(&d->locations, &location->pc, 8);
}

int fg_trie_define(struct fg_trie *trie, uint32_t node, struct fg_definitions *d, uint32_t *wire) {
    uint32_t path[2 * FG_MAX_FRAMES + 2]; // a cgo stack hangs one stack below another
    size_t n = 0;
    for (uint32_t at = node; at != 0 && trie->nodes[at].generation != d->generation; at = trie->nodes[at].parent) {
        if (n == sizeof(path) / sizeof(*path))
            return -EINVAL;
        path[n++] = at;
    }
    while (n-- > 0) {
        struct fg_node *child = &trie->nodes[path[n]];
        struct fg_location *location = &trie->locations[child->location];
        uint32_t parent = child->parent ? trie->nodes[child->parent].wire : 0;
        int err = define_location(location, d);
        if (!err)
            err = fg_bytes_append(&d->node_parents, &parent, 4);
        if (!err)
            err = fg_bytes_append(&d->node_locations, &location->wire, 4);
        if (err)
            return err;
        child->generation = d->generation;
        child->wire = ++d->n_nodes;
    }
    *wire = node ? trie->nodes[node].wire : 0;
    return 0;
}
