// Function tables: lookup, pc-value streams, PCDATA and FUNCDATA.
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 8)
        return 0;
    struct fg_memory memory;
    struct fg_tables tables;
    struct fg_module module = fuzz_module(data, size);
    fg_memory_init(&memory, 0);
    if (fg_memory_add_bytes(&memory, BASE, data, size) == 0 && fg_tables_init(&tables, &memory, &module, 1) == 0) {
        for (uint64_t pc = TEXT; pc < TEXT + TEXT_SIZE; pc += 61) {
            struct fg_func f;
            struct fg_pc_info info;
            int32_t value;
            uint64_t address;
            fg_pc_info(&tables, pc, &info);
            if (fg_func_find(&tables, pc, &f))
                continue;
            fg_pcvalue(&tables, &f, f.pcln, pc, &value);
            fg_pcdata(&tables, &f, data[2], pc, &value);
            fg_funcdata(&tables, &f, data[3], &address);
        }
        fg_tables_deinit(&tables);
    }
    fg_memory_deinit(&memory);
    uint64_t targets[64];
    fg_rip_targets(data, size, TEXT, 0, UINT64_MAX, targets, 64);
    return 0;
}
