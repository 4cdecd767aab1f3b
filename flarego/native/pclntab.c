#include "flarego.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

// Tables are read through the memory callback, not mapped: no SIGBUS when a file shrinks, no resident copy of a
// 40 MB table. Two caches make that cheap: recently read blocks, and what was learned about each pc.
enum {
    BLOCK_SIZE = 4096,
    N_BLOCKS = FG_SMALL ? 4 : 64,
    PC_CACHE_BITS = FG_SMALL ? 4 : 14,
    PC_CACHE_SIZE = 1 << PC_CACHE_BITS,
    FUNC_FIXED_READ = 44,
};

struct fg_block {
    uint64_t address; // multiple of BLOCK_SIZE
    uint64_t used;    // 0: empty
    size_t size;      // readable bytes
    uint8_t data[BLOCK_SIZE];
};

struct fg_pc_entry {
    uint64_t pc; // 0: empty
    struct fg_pc_info info;
    int err;
};

int fg_tables_init(struct fg_tables *t, struct fg_memory *m, const struct fg_module *modules, size_t n) {
    memset(t, 0, sizeof(*t));
    if (n == 0 || n > FG_MAX_MODULES)
        return -EINVAL;
    for (size_t i = 0; i < n; i++) {
        const struct fg_module *mod = &modules[i];
        if (mod->n_ftab == 0 || mod->n_ftab > FG_MAX_FUNCTIONS || mod->min_pc >= mod->max_pc ||
            mod->pclntab >= mod->pclntab_end || mod->pclntab_end - mod->pclntab > FG_MAX_PCLNTAB ||
            (mod->func_size != 40 && mod->func_size != 44) || mod->quantum == 0)
            return -EINVAL;
    }
    memcpy(t->modules, modules, n * sizeof(*modules));
    t->n_modules = n;
    t->memory = m;
    t->cache = calloc(PC_CACHE_SIZE, sizeof(*t->cache));
    t->blocks = calloc(N_BLOCKS, sizeof(*t->blocks));
    if (!t->cache || !t->blocks) {
        fg_tables_deinit(t);
        return -ENOMEM;
    }
    return 0;
}

void fg_tables_deinit(struct fg_tables *t) {
    free(t->cache);
    free(t->blocks);
    memset(t, 0, sizeof(*t));
}

// Returns the cached block at address, reading it over the least recently used of a 4-way set.
static struct fg_block *block_at(struct fg_tables *t, uint64_t address) {
    size_t set = (size_t)(address / BLOCK_SIZE) % (N_BLOCKS / 4) * 4;
    struct fg_block *victim = &t->blocks[set];
    for (size_t i = set; i < set + 4; i++) {
        struct fg_block *b = &t->blocks[i];
        if (b->used && b->address == address) {
            b->used = ++t->clock;
            return b;
        }
        if (b->used < victim->used)
            victim = b;
    }
    ssize_t n = fg_read_some(t->memory, address, victim->data, BLOCK_SIZE);
    victim->address = address;
    victim->size = n > 0 ? (size_t)n : 0;
    victim->used = n > 0 ? ++t->clock : 0;
    return victim;
}

// Up to size bytes from address, which must lie in the module's pclntab; returns how many.
static size_t table_read(struct fg_tables *t, const struct fg_module *mod, uint64_t address, void *out, size_t size) {
    if (address < mod->pclntab || address >= mod->pclntab_end)
        return 0;
    if (size > mod->pclntab_end - address)
        size = (size_t)(mod->pclntab_end - address);
    size_t done = 0;
    while (done < size) {
        uint64_t at = address + done, base = at & ~(uint64_t)(BLOCK_SIZE - 1);
        const struct fg_block *b = block_at(t, base);
        size_t skip = (size_t)(at - base);
        if (skip >= b->size)
            break;
        size_t n = b->size - skip;
        if (n > size - done)
            n = size - done;
        memcpy((char *)out + done, b->data + skip, n);
        done += n;
    }
    return done;
}

static const struct fg_module *module_of(const struct fg_tables *t, uint64_t pc) {
    for (size_t i = 0; i < t->n_modules; i++)
        if (pc >= t->modules[i].min_pc && pc < t->modules[i].max_pc)
            return &t->modules[i];
    return NULL;
}

static int ftab_entry(struct fg_tables *t, const struct fg_module *mod, uint64_t i, uint32_t out[2]) {
    return table_read(t, mod, mod->ftab + i * 8, out, 8) == 8 ? 0 : -EINVAL;
}

int fg_func_at(struct fg_tables *t, const struct fg_module *mod, uint64_t index, struct fg_func *out) {
    uint32_t here[2], next[2];
    if (index >= mod->n_ftab || ftab_entry(t, mod, index, here))
        return -EINVAL;
    // The closing entry has only the pc half.
    if (table_read(t, mod, mod->ftab + (index + 1) * 8, next, 4) != 4)
        return -EINVAL;
    uint8_t raw[FUNC_FIXED_READ] = {0};
    uint64_t address = mod->func_base + here[1];
    if (table_read(t, mod, address, raw, mod->func_size) != mod->func_size)
        return -EINVAL;
    uint32_t words[9];
    memcpy(words, raw, sizeof(words));
    const uint8_t *tail = raw + mod->func_size - 4; // funcID, flag, pad, nfuncdata end the struct
    *out = (struct fg_func){
        .entry = mod->text + here[0],
        .end = mod->text + next[0],
        .address = address,
        .module = (uint32_t)(mod - t->modules),
        .name_offset = (int32_t)words[1],
        .pcsp = words[4],
        .pcfile = words[5],
        .pcln = words[6],
        .n_pcdata = words[7],
        .cu_offset = words[8],
        .func_id = tail[0],
        .flag = tail[1],
        .n_funcdata = tail[3],
    };
    if (mod->func_size == 44)
        memcpy(&out->start_line, raw + 36, 4);
    return 0;
}

int fg_func_find(struct fg_tables *t, uint64_t pc, struct fg_func *out) {
    const struct fg_module *mod = module_of(t, pc);
    if (!mod || pc < mod->text || pc - mod->text > UINT32_MAX)
        return -ENOENT;
    uint32_t offset = (uint32_t)(pc - mod->text), entry[2];
    uint64_t low = 0, high = mod->n_ftab; // last entry with entryoff <= offset lies in [low, high)
    while (high - low > 1) {
        uint64_t mid = (low + high) / 2;
        if (ftab_entry(t, mod, mid, entry))
            return -EINVAL;
        if (entry[0] <= offset)
            low = mid;
        else
            high = mid;
    }
    int err = fg_func_at(t, mod, low, out);
    if (err)
        return err;
    return pc >= out->entry && pc < out->end ? 0 : -ENOENT;
}

// Reads a varint of at most 5 bytes; 0 when the stream is cut or overlong.
static size_t varint(const uint8_t *p, const uint8_t *end, uint32_t *out) {
    uint32_t value = 0;
    for (size_t i = 0; i < 5 && p + i < end; i++) {
        value |= (uint32_t)(p[i] & 0x7f) << (7 * i);
        if (!(p[i] & 0x80)) {
            *out = value;
            return i + 1;
        }
    }
    return 0;
}

int fg_pcvalue(struct fg_tables *t, const struct fg_func *f, uint32_t offset, uint64_t pc, int32_t *out) {
    if (offset == 0)
        return -ENOENT;
    if (f->module >= t->n_modules)
        return -EINVAL;
    const struct fg_module *mod = &t->modules[f->module];
    uint8_t window[512];
    uint64_t at = mod->pctab + offset, limit = at + FG_MAX_PCVALUE_BYTES, position = f->entry;
    int32_t value = -1;
    bool first = true;
    while (at < limit) {
        size_t got = table_read(t, mod, at, window, sizeof(window));
        const uint8_t *p = window, *end = window + got;
        if (got == 0)
            return -EINVAL;
        while (p < end) {
            uint32_t step, delta;
            size_t n = varint(p, end, &step);
            if (n == 0)
                break;
            if (step == 0 && !first)
                return -ENOENT; // end of the table
            size_t k = varint(p + n, end, &delta);
            if (k == 0)
                break;
            // Zigzag; unsigned arithmetic, because a hostile stream may overflow.
            value = (int32_t)((uint32_t)value + ((step >> 1) ^ (0 - (step & 1))));
            position += (uint64_t)delta * mod->quantum;
            first = false;
            p += n + k;
            if (pc < position) {
                *out = value;
                return 0;
            }
        }
        if (p == window)
            return -EINVAL; // no progress: cut or overlong varint
        at += (uint64_t)(p - window);
    }
    return -EINVAL;
}

static int func_tail(struct fg_tables *t, const struct fg_func *f, uint64_t index, uint32_t *out) {
    if (f->module >= t->n_modules)
        return -EINVAL;
    const struct fg_module *mod = &t->modules[f->module];
    return table_read(t, mod, f->address + mod->func_size + index * 4, out, 4) == 4 ? 0 : -EINVAL;
}

int fg_pcdata(struct fg_tables *t, const struct fg_func *f, unsigned i, uint64_t pc, int32_t *out) {
    uint32_t offset;
    *out = -1;
    if (i >= f->n_pcdata)
        return 0;
    int err = func_tail(t, f, i, &offset);
    if (err)
        return err;
    err = fg_pcvalue(t, f, offset, pc, out);
    if (err == -ENOENT) {
        *out = -1;
        return 0;
    }
    return err;
}

int fg_funcdata(struct fg_tables *t, const struct fg_func *f, unsigned i, uint64_t *out) {
    uint32_t offset;
    *out = 0;
    if (i >= f->n_funcdata)
        return 0;
    int err = func_tail(t, f, (uint64_t)f->n_pcdata + i, &offset);
    if (err)
        return err;
    if (offset != UINT32_MAX)
        *out = t->modules[f->module].gofunc + offset;
    return 0;
}

int fg_tables_set_special(struct fg_tables *t, unsigned special, uint64_t entry) {
    if (special == FG_SPECIAL_NONE || special >= FG_SPECIAL_COUNT)
        return -EINVAL;
    t->special[special] = entry;
    memset(t->cache, 0, PC_CACHE_SIZE * sizeof(*t->cache));
    return 0;
}

static uint8_t special_of(const struct fg_tables *t, uint64_t entry) {
    for (unsigned i = 1; i < FG_SPECIAL_COUNT; i++)
        if (t->special[i] == entry)
            return (uint8_t)i;
    return FG_SPECIAL_NONE;
}

int fg_pc_info(struct fg_tables *t, uint64_t pc, struct fg_pc_info *out) {
    struct fg_pc_entry *slot = &t->cache[(pc * 0x9e3779b97f4a7c15u) >> (64 - PC_CACHE_BITS)];
    if (slot->pc != pc || pc == 0) {
        struct fg_func f;
        int32_t delta = 0;
        int err = fg_func_find(t, pc, &f);
        if (!err && f.pcsp != 0) // 0: assembly without a frame
            err = fg_pcvalue(t, &f, f.pcsp, pc, &delta);
        if (!err && (delta < 0 || delta % 8 != 0))
            err = -EINVAL;
        *slot = (struct fg_pc_entry){.pc = pc, .err = err ? -ENOENT : 0};
        if (!err)
            slot->info = (struct fg_pc_info){f.entry, delta, f.flag, special_of(t, f.entry)};
    }
    *out = slot->info;
    return slot->err;
}

// Size of the immediate that follows a ModRM byte and its displacement; -1: no such instruction.
static int immediate_size(const uint8_t *text, size_t at) {
    uint8_t op = text[at];
    if (at > 0 && text[at - 1] == 0x0f)
        return op == 0xba || op == 0xc2 || (op >= 0xc4 && op <= 0xc6) || (op >= 0x70 && op <= 0x73);
    switch (op) {
    case 0x80: case 0x83: case 0xc0: case 0xc1: case 0xc6: case 0x6b:
        return 1;
    case 0x81: case 0xc7: case 0x69:
        return at > 0 && text[at - 1] == 0x66 ? 2 : 4;
    case 0xf6:
        return (text[at + 1] & 0x38) == 0 ? 1 : 0;
    case 0xf7:
        return (text[at + 1] & 0x38) != 0 ? 0 : at > 0 && text[at - 1] == 0x66 ? 2 : 4;
    case 0x63: case 0x84: case 0x85: case 0x86: case 0x87: case 0x88: case 0x89: case 0x8a: case 0x8b: case 0x8d:
    case 0xfe: case 0xff: case 0x8f: case 0xd1: case 0xd3: case 0x6f: case 0x7f: case 0x10: case 0x11:
        return 0;
    default:
        return op < 0x40 && (op & 7) < 4 ? 0 : -1; // add or adc sbb and sub xor cmp
    }
}

size_t fg_rip_targets(const uint8_t *text, size_t size, uint64_t base, uint64_t low, uint64_t high, uint64_t *out,
                      size_t capacity) {
    size_t n = 0;
    for (size_t i = 0; i + 6 <= size; i++) {
        if ((text[i + 1] & 0xc7) != 0x05)
            continue;
        int immediate = immediate_size(text, i);
        if (immediate < 0)
            continue;
        int32_t displacement;
        memcpy(&displacement, text + i + 2, 4);
        uint64_t target = base + i + 6 + (uint64_t)immediate + (uint64_t)(int64_t)displacement;
        if (target >= low && target < high && n < capacity)
            out[n++] = target;
    }
    return n;
}
