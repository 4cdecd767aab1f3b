// The C core: reads other people's memory fast and adds up. Python understands it.
//
// memory → pclntab → unwind → scan / perf / ptrace → sampler. None of these files includes Python.h: they compile
// unchanged into fuzzers and sanitizer builds. Fallible functions return 0 or a negative errno. Everything read from
// the target is hostile: every size and count is capped by a named constant below.
#ifndef FLAREGO_H
#define FLAREGO_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

// ---- memory.c: an address space behind a callback -------------------------------------------------------------

enum {
    FG_MAX_SPANS_PER_CALL = 1024,  // IOV_MAX on Linux
};

struct fg_span {
    uint64_t address;
    uint64_t size;
};

// A range served from a file (a read-only mapping of the executable) or from bytes (tests), not from the process:
// reading the target's file-backed pages through the process would fault them into *its* resident set.
struct fg_segment {
    uint64_t start, end;  // half-open, in target addresses
    int fd;               // -1: bytes
    uint64_t offset;      // of start, in the file
    const uint8_t *bytes; // when fd is -1; owned by fg_memory
};

struct fg_memory {
    pid_t pid;  // 0: an image of segments only (tests, fuzzers, core files)
    struct fg_segment *segments;
    size_t n_segments;
    _Atomic uint64_t calls, bytes, faults;
};

int fg_memory_init(struct fg_memory *m, pid_t pid);
void fg_memory_deinit(struct fg_memory *m);
// fd is duplicated, bytes are copied. Segments may not overlap (-EINVAL).
int fg_memory_add_file(struct fg_memory *m, uint64_t start, uint64_t end, int fd, uint64_t offset);
int fg_memory_add_bytes(struct fg_memory *m, uint64_t start, const void *bytes, size_t size);
// All of it, or -EFAULT (unmapped), -ESRCH (process gone), -EPERM.
int fg_read(struct fg_memory *m, uint64_t address, void *out, size_t size);
// As many bytes as are readable from address on, up to size; or negative errno when none is.
ssize_t fg_read_some(struct fg_memory *m, uint64_t address, void *out, size_t size);
// Reads spans back to back into out. A span that cannot be read whole is zeroed and ok[i] is 0 (ok may be NULL).
// Returns the number of spans read, or -ESRCH/-EPERM when the process cannot be read at all.
ssize_t fg_read_spans(struct fg_memory *m, const struct fg_span *spans, size_t n, void *out, uint8_t *ok);

// ---- pclntab.c: what Go's function table says about a pc ---------------------------------------------------------
// Source: runtime/symtab.go at go1.19 … go1.27 (pcHeader, _func, moduledata); ../shared/facts/GO_RUNTIME.md section 3.

enum {
    FG_MAX_MODULES = 64,
    FG_MAX_FUNCTIONS = 4 << 20,      // the largest binary seen has 0.4 M
    FG_MAX_PCVALUE_BYTES = 1 << 20,  // one function's pc-value stream
    FG_MAX_PCLNTAB = 1 << 30,
};

struct fg_module {
    uint64_t text, etext;    // half-open; pc offsets in ftab are relative to text
    uint64_t min_pc, max_pc; // of functions
    uint64_t ftab;           // address of the first {u32 entryoff, u32 funcoff}
    uint64_t n_ftab;         // entries without the closing one
    uint64_t pclntab, pclntab_end; // funcoff is relative to funcdata area:
    uint64_t func_base;      // address that funcoff is relative to (moduledata.pclntable.ptr)
    uint64_t pctab;          // base of pc-value streams
    uint64_t func_size;      // sizeof(_func): 40 (1.19) or 44 (1.20+)
    uint64_t gofunc;         // base of funcdata offsets
    uint8_t quantum;         // minLC: 1 on amd64, 4 on arm64
};

struct fg_func {
    uint64_t entry, end;  // pcs, half-open
    uint64_t address;     // of _func
    uint32_t module;
    int32_t name_offset;  // into funcnametab
    uint32_t pcsp, pcfile, pcln, n_pcdata, cu_offset;
    int32_t start_line;   // 0 before 1.20
    uint8_t func_id, flag, n_funcdata;
};
enum { FG_FUNC_TOP_FRAME = 1, FG_FUNC_SP_WRITE = 2, FG_FUNC_ASM = 4 };

struct fg_pc_entry;  // one slot of the pc cache
struct fg_block;     // one slot of the block cache

struct fg_tables {
    struct fg_memory *memory;
    struct fg_module modules[FG_MAX_MODULES];
    size_t n_modules;
    struct fg_pc_entry *cache;
    struct fg_block *blocks;
    uint64_t clock;
    uint64_t special[16]; // FG_SPECIAL_* → entry pc
};

int fg_tables_init(struct fg_tables *t, struct fg_memory *m, const struct fg_module *modules, size_t n);
void fg_tables_deinit(struct fg_tables *t);
// Function number index of a module.
int fg_func_at(struct fg_tables *t, const struct fg_module *module, uint64_t index, struct fg_func *out);
// -ENOENT: pc is in no function of any module.
int fg_func_find(struct fg_tables *t, uint64_t pc, struct fg_func *out);
// The value of a pc-value stream at pc. offset 0 means "no table": -ENOENT. -EINVAL: malformed.
int fg_pcvalue(struct fg_tables *t, const struct fg_func *f, uint32_t offset, uint64_t pc, int32_t *out);
// PCDATA table i at pc; -1 in out when the function has none.
int fg_pcdata(struct fg_tables *t, const struct fg_func *f, unsigned i, uint64_t pc, int32_t *out);
// Address of FUNCDATA i, 0 when there is none.
int fg_funcdata(struct fg_tables *t, const struct fg_func *f, unsigned i, uint64_t *out);
// What the unwinder asks of every frame, through a cache: SP delta and function flag. -ENOENT: not a Go pc.
struct fg_pc_info {
    uint64_t entry;
    int32_t sp_delta;
    uint8_t flag;
    uint8_t special; // FG_SPECIAL_*
};
enum {
    FG_SPECIAL_NONE,
    FG_SPECIAL_SEMACQUIRE,   // runtime.semacquire1: first argument is the semaphore's address
    FG_SPECIAL_NOTIFY_WAIT,  // sync.runtime_notifyListWait: first argument is &Cond.notify
    FG_SPECIAL_POLL_WAIT,    // internal/poll.runtime_pollWait: first argument is the pollDesc
    FG_SPECIAL_CGOCALLBACK,  // SPWRITE, yet the walk goes on
    FG_SPECIAL_SIGPANIC,     // the caller's pc is exact, not a return address
    FG_SPECIAL_MCALL,        // switches to g0: the chain may end here
    FG_SPECIAL_COUNT,
};
int fg_tables_set_special(struct fg_tables *t, unsigned special, uint64_t entry);
int fg_pc_info(struct fg_tables *t, uint64_t pc, struct fg_pc_info *out);

// Addresses in [low, high) that x86-64 code loaded at base refers to RIP-relatively: every byte is tried as an opcode,
// so some are false; callers vote. Returns how many were written.
size_t fg_rip_targets(const uint8_t *text, size_t size, uint64_t base, uint64_t low, uint64_t high, uint64_t *out,
                      size_t capacity);

#endif
