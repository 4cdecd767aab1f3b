// Stacks: the walk over hostile tables and hostile stack memory, and the interning of what it finds.
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 32)
        return 0;
    struct fg_memory memory;
    struct fg_tables tables;
    struct fg_trie trie;
    struct fg_stack stack;
    struct fg_module module = fuzz_module(data, size);
    static uint8_t refill[FG_STACK_REFILL];
    fg_memory_init(&memory, 0);
    if (fg_memory_add_bytes(&memory, BASE, data, size) == 0 && fg_tables_init(&tables, &memory, &module, 1) == 0) {
        uint16_t words[8];
        memcpy(words, data + 8, sizeof(words));
        for (unsigned special = 1; special < FG_SPECIAL_COUNT; special++)
            fg_tables_set_special(&tables, special, TEXT + words[special % 8] % TEXT_SIZE);
        struct fg_stack_memory hostile = {.memory = &memory, .lo = BASE + words[0] % size, .hi = BASE + words[1],
                                          .refill = words[2] & 1 ? refill : NULL};
        if (words[2] & 2) {
            hostile.window = data;
            hostile.window_start = BASE;
            hostile.window_size = size;
        }
        fg_unwind(&tables, &hostile, TEXT + words[3] % TEXT_SIZE, BASE + words[4], words[2] & 4, &stack);
        if (fg_trie_init(&trie) == 0) {
            struct fg_definitions d = {.generation = 1};
            uint32_t wire, node = fg_trie_intern(&trie, 0, stack.pcs, stack.n);
            fg_trie_define(&trie, fg_trie_intern(&trie, node, stack.pcs, stack.n), &d, &wire);
            fg_bytes_free(&d.locations);
            fg_bytes_free(&d.node_parents);
            fg_bytes_free(&d.node_locations);
            fg_trie_deinit(&trie);
        }
        fg_tables_deinit(&tables);
    }
    fg_memory_deinit(&memory);
    return 0;
}
