// CPU samples: a ring's record, and its attribution.
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct fg_memory memory;
    static struct fg_tables tables;
    static struct fg_scanner scanner;
    static const uint8_t image[64];
    if (memory.n_segments == 0) {
        struct fg_module module = fuzz_module(image, sizeof(image));
        struct fg_layout layout = {.allgs = BASE, .g_stack_hi = 8};
        fg_memory_init(&memory, 0);
        fg_memory_add_bytes(&memory, BASE, image, sizeof(image));
        if (fg_tables_init(&tables, &memory, &module, 1) || fg_scanner_init(&scanner, &memory, &tables, &layout))
            abort();
    }
    struct fg_sample sample;
    struct fg_oncpu_counters counters = {0};
    uint8_t *exact = malloc(size ? size : 1); // so that ASan sees the last byte
    if (size)
        memcpy(exact, data, size);
    if (fg_sample_parse(exact, size, &sample))
        fg_sample_attribute(&scanner, &sample, &counters);
    free(exact);
    if (fg_scanner_is_full(&scanner) || scanner.trie.n_nodes > 1 << 14)
        fg_scanner_reset(&scanner);
    return 0;
}
