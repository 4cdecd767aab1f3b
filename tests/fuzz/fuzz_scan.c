// Goroutines: scans, wait objects, snapshot and drain over hostile memory that changes between looks.
#include "fuzz.h"

static struct fg_layout dense_layout(bool slice) {
    // Small offsets, so that a short input holds many goroutines that share bytes.
    struct fg_layout l = {.allgs = BASE + 32, .g_stack_lo = 0, .g_stack_hi = 8};
    uint64_t *field = &l.g_m;
    for (uint64_t offset = 16; field <= &l.g_sleep_when; field++, offset += 4)
        *field = offset;
    l.timer_when = 8;
    l.m_curg = 8;
    l.m_procid = 16;
    l.sudog_c = 8;
    l.reason_sleep = 3;
    l.labels_slice = slice;
    return l;
}

static int ignore(void *context, const struct fg_snapshot *snapshot) {
    (void)snapshot;
    return ++*(int *)context < 64 ? 0 : -1;
}

static void drain(struct fg_scanner *s, uint64_t now, bool all) {
    struct fg_definitions d = {.generation = 1};
    struct fg_columns rows = {0};
    struct fg_member_columns members = {0};
    struct fg_wait_object waits[FG_MAX_WAIT_OBJECTS];
    uint64_t counts[FG_N_STATES + 1];
    fg_scanner_find_oldest(s);
    fg_scanner_waits(s, now, waits);
    fg_rows_drain(&s->rows, &s->trie, now, &d, &rows, counts);
    fg_scanner_members(s, all, now, 0, &d, &members);
    fg_columns_free(&rows);
    fg_member_columns_free(&members);
    fg_bytes_free(&d.locations);
    fg_bytes_free(&d.node_parents);
    fg_bytes_free(&d.node_locations);
    fg_bytes_free(&d.groups);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 64)
        return 0;
    struct fg_memory memory;
    struct fg_tables tables;
    struct fg_scanner scanner;
    struct fg_oncpu_counters oncpu = {0};
    struct fg_layout layout = dense_layout(data[2] & 1);
    struct fg_module module = fuzz_module(data, size);
    fg_memory_init(&memory, 0);
    if (fg_memory_add_bytes(&memory, BASE, data, size) == 0 && fg_tables_init(&tables, &memory, &module, 1) == 0) {
        if (fg_scanner_init(&scanner, &memory, &tables, &layout) == 0) {
            uint64_t start = TEXT + data[4], pcs[2] = {TEXT + data[5], TEXT + data[6]}, now = 1;
            fg_scanner_set_system(&scanner, &start, 1);
            for (int round = 0; round < 3; round++) {
                fg_scan(&scanner, now += 300000000);
                uint64_t g = scanner.n ? scanner.goroutines[data[7] % scanner.n].address : BASE + data[7];
                fg_attribute(&scanner, g, pcs, 2, round & 1, now, 1000, &oncpu);
                drain(&scanner, now += 1000, round == 2);
                ((uint8_t *)memory.segments[0].bytes)[40 + data[round] % (size - 40)] ^= data[round + 8];
                if (data[3] & 1)
                    fg_scanner_reset(&scanner);
            }
            int seen = 0;
            fg_snapshot_all(&scanner, ignore, &seen);
            fg_scanner_deinit(&scanner);
        }
        fg_tables_deinit(&tables);
    }
    fg_memory_deinit(&memory);
    return 0;
}
