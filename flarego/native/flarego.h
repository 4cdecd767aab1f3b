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

// Fuzzers build with FG_SMALL=1: small caches and buffers, so that an execution is cheap and every boundary is near.
#ifndef FG_SMALL
#define FG_SMALL 0
#endif

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
    FG_SPECIAL_GOEXIT,       // the bottom of every goroutine's stack
    FG_SPECIAL_COUNT,
};
int fg_tables_set_special(struct fg_tables *t, unsigned special, uint64_t entry);
int fg_pc_info(struct fg_tables *t, uint64_t pc, struct fg_pc_info *out);

// Addresses in [low, high) that x86-64 code loaded at base refers to RIP-relatively: every byte is tried as an opcode,
// so some are false; callers vote. Returns how many were written.
size_t fg_rip_targets(const uint8_t *text, size_t size, uint64_t base, uint64_t low, uint64_t high, uint64_t *out,
                      size_t capacity);

// ---- unwind.c: a parked goroutine's stack, by the pcsp tables ------------------------------------------------------
// Source: runtime/traceback.go (unwinder.next) at go1.19 … go1.27. On amd64 the return address lies at the frame's top.

enum {
    FG_HEAD_FRAMES = 256,  // innermost frames kept of a deep stack
    FG_TAIL_FRAMES = 256,  // outermost frames kept
    FG_MAX_FRAMES = FG_HEAD_FRAMES + 1 + FG_TAIL_FRAMES,
    FG_MAX_WALK = 1 << 20, // frames walked before a stack is given up as endless
    FG_STACK_WINDOW = 1024, // bytes read at once: covers 100 % of depth-13 stacks (facts, section 6)
    FG_STACK_REFILL = FG_SMALL ? 256 : 16384,
};
#define FG_PC_EXACT (1ull << 63) // the pc is where execution stands, not a return address behind a call
#define FG_PC_ELIDED 1ull        // stands for the frames left out between head and tail

enum fg_wait_kind { FG_WAIT_NONE, FG_WAIT_CHANNEL, FG_WAIT_SEMAPHORE, FG_WAIT_COND, FG_WAIT_POLL, FG_WAIT_TIMER };

// A stack's memory: a window already read, refilled from memory towards hi.
struct fg_stack_memory {
    struct fg_memory *memory;
    uint64_t lo, hi;
    const uint8_t *window;
    uint64_t window_start, window_size;
    uint8_t *refill; // FG_STACK_REFILL bytes, or NULL: never read further
};

struct fg_stack {
    size_t n;
    uint64_t pcs[FG_MAX_FRAMES]; // innermost first
    size_t walked;               // frames passed in all: more than n when some were left out
    bool complete;               // the walk ended in a function that tops stacks: nothing was torn
    bool goexit;                 // that function is runtime.goexit: this is a goroutine's own stack
    uint8_t wait_kind;
    uint64_t wait_address;
};

// Walks from (pc, sp); exact says that pc is not a return address. Never fails: an impossible frame ends the walk
// with complete = false.
void fg_unwind(struct fg_tables *t, struct fg_stack_memory *stack, uint64_t pc, uint64_t sp, bool exact,
               struct fg_stack *out);
// Appends one frame to out, keeping head and tail only.
void fg_stack_push(struct fg_stack *out, size_t *walked, uint64_t pc);

// ---- intern.c: stacks as nodes of a trie, definitions once per generation ------------------------------------------

enum { FG_MAX_NODES = 1 << 20 };

struct fg_bytes { // a growing buffer
    uint8_t *data;
    size_t size, capacity;
};
int fg_bytes_append(struct fg_bytes *b, const void *data, size_t size);
void fg_bytes_free(struct fg_bytes *b);

struct fg_node {
    uint32_t parent, location;
    uint32_t wire, generation; // number in that generation
};
struct fg_location {
    uint64_t pc;
    uint32_t wire, generation;
};
struct fg_trie {
    struct fg_node *nodes; // 0 is the empty stack
    struct fg_location *locations;
    uint32_t n_nodes, n_locations, node_capacity, location_capacity;
    uint32_t *node_slots, *location_slots; // open addressing; 0 empty, else index (+1 for locations)
    uint32_t node_mask, location_mask;
};
int fg_trie_init(struct fg_trie *trie);
void fg_trie_deinit(struct fg_trie *trie);
// The node of the n pcs (innermost first) below `base`; when the trie is full, of as many outer frames as it knows.
uint32_t fg_trie_intern(struct fg_trie *trie, uint32_t base, const uint64_t *pcs, size_t n);

// What a generation has been told so far, and what is told by the drain being made.
struct fg_definitions {
    uint32_t generation, n_nodes, n_locations, n_groups;
    struct fg_bytes locations, node_parents, node_locations, groups;
};
// The node's number in this generation; defines it and its parents when they are not yet.
int fg_trie_define(struct fg_trie *trie, uint32_t node, struct fg_definitions *d, uint32_t *wire);

// ---- rows.c: what is added up between two drains ---------------------------------------------------------------------

enum fg_state { FG_RUNNING, FG_RUNNABLE, FG_SYSCALL, FG_WAITING, FG_PREEMPTED, FG_OTHER, FG_N_STATES };
enum { FG_ROW_STALE = 1, FG_ROW_NO_GOROUTINE = 2 };
#define FG_NONE UINT32_MAX

struct fg_row_key {
    uint32_t node, group;
    uint8_t state, reason, flags;
};
struct fg_row {
    struct fg_row_key key;
    uint32_t count, next; // goroutines in it now; next of its hash chain, or of the free list
    bool used;
    uint64_t settled_ns, oldest_ns;
    double wall_ns, cpu_ns;
};
struct fg_group {
    uint64_t gopc, startpc;
    uint32_t labels; // number of a label set
    bool system;
    uint32_t wire, generation;
};
struct fg_rows {
    struct fg_row *rows;
    uint32_t n_rows, row_capacity, free_row, *row_heads;
    struct fg_group *groups;
    uint32_t n_groups, group_capacity, *group_slots, group_mask;
};
struct fg_columns { // see flarego/wire/FORMAT.md
    struct fg_bytes node, group, state, reason, flags, wall, cpu, count, wait;
};

int fg_rows_init(struct fg_rows *r);
void fg_rows_deinit(struct fg_rows *r);
// Index of the row with this key, made when it is new; FG_NONE without memory.
uint32_t fg_row_find(struct fg_rows *r, struct fg_row_key key);
void fg_row_join(struct fg_rows *r, uint32_t row, uint64_t at_ns);
void fg_row_leave(struct fg_rows *r, uint32_t row, uint64_t at_ns);
uint32_t fg_group_find(struct fg_rows *r, uint64_t gopc, uint64_t startpc, uint32_t labels, bool system);
// The group's number in this generation; defines it when it is not yet.
int fg_group_define(struct fg_rows *r, uint32_t group, struct fg_definitions *d, uint32_t *wire);
// Moves the weights of all rows, settled to now, into columns; forgets rows nobody is in. counts[FG_N_STATES] is the
// number of system goroutines, the rest user goroutines by state.
int fg_rows_drain(struct fg_rows *r, struct fg_trie *trie, uint64_t now_ns, struct fg_definitions *d,
                  struct fg_columns *out, uint64_t counts[FG_N_STATES + 1]);
void fg_columns_clear(struct fg_columns *c);
void fg_columns_free(struct fg_columns *c);

// ---- labels.c: pprof label sets, interned by content --------------------------------------------------------------------

enum {
    FG_MAX_LABEL_SETS = 1 << 14,
    FG_MAX_NEW_LABEL_SETS = 2048, // in one generation: programs that label every request with its own id
    FG_LABEL_CACHE = 256,
};
struct fg_label_set {
    uint8_t *bytes; // (u16 size, bytes) of key, value, key, value …; sorted by key
    uint32_t size;
};
struct fg_label_cache {
    uint64_t address, read_ns;
    uint32_t set;
};
struct fg_labels {
    struct fg_label_set *sets; // 0: no labels
    uint32_t n, capacity, *slots, n_new;
    uint64_t overflown; // sets that were left out because there were too many
    struct fg_label_cache cache[FG_LABEL_CACHE];
};
int fg_labels_init(struct fg_labels *l);
void fg_labels_deinit(struct fg_labels *l);
// The number of the label set at address (g.labels); 0 when there is none, it cannot be read, or there are too many.
uint32_t fg_labels_find(struct fg_labels *l, struct fg_memory *m, bool slice, uint64_t address, uint64_t now_ns);

// ---- members.c: goroutines one by one -----------------------------------------------------------------------------------

enum { FG_MAX_MEMBERS = FG_SMALL ? 4 : 4096 };
enum { FG_MEMBER_RESTLESS = 4 }; // beside FG_ROW_*: it has moved since the list before

struct fg_member { // as told last
    uint64_t goid, since_ns, on;
    uint32_t node, group; // numbers in the generation
    uint32_t list;        // the last one it was met in
    uint8_t state, reason, flags;
    bool told;
};
struct fg_members {
    struct fg_member *told;
    uint16_t *slots; // goid → index + 1, open addressing
    uint32_t n, list, shift;
    uint64_t listed_ns, living;
};
struct fg_member_columns { // see flarego/wire/FORMAT.md
    struct fg_bytes goid, node, group, state, reason, flags, since, on, left;
};
int fg_members_init(struct fg_members *m);
void fg_members_deinit(struct fg_members *m);
void fg_member_columns_clear(struct fg_member_columns *c);
void fg_member_columns_free(struct fg_member_columns *c);

// ---- scan.c: every goroutine's state, and the stacks of those that moved ------------------------------------------------

#define FG_LAYOUT_FIELDS(X)                                                                                            \
    X(allgs, "allgs") X(g_stack_lo, "g.stack.lo") X(g_stack_hi, "g.stack.hi") X(g_m, "g.m") X(g_sp, "g.sched.sp")      \
    X(g_pc, "g.sched.pc") X(g_syscallsp, "g.syscallsp") X(g_syscallpc, "g.syscallpc") X(g_status, "g.atomicstatus")   \
    X(g_goid, "g.goid") X(g_waitsince, "g.waitsince") X(g_waitreason, "g.waitreason")                                  \
    X(g_tracking_seq, "g.trackingSeq") X(g_lockedm, "g.lockedm") X(g_parent, "g.parentGoid") X(g_gopc, "g.gopc")        \
    X(g_startpc, "g.startpc") X(g_waiting, "g.waiting") X(g_labels, "g.labels") X(g_timer, "g.timer")                  \
    X(g_sleep_when, "g.sleepWhen") X(timer_when, "timer.when") X(m_g0, "m.g0") X(m_gsignal, "m.gsignal")               \
    X(m_curg, "m.curg") X(m_procid, "m.procid") X(m_alllink, "m.alllink") X(allm, "allm") X(sudog_c, "sudog.c")        \
    X(sudog_waitlink, "sudog.waitlink") X(labels_slice, "labels.slice") X(reason_sleep, "reason.sleep") X(vdso_start, "vdso.start")                    \
    X(vdso_end, "vdso.end")
struct fg_layout {
#define X(field, name) uint64_t field;
    FG_LAYOUT_FIELDS(X)
#undef X
};

enum {
    FG_MAX_GOROUTINES = 1 << 20,
    FG_MAX_THREADS = 10000, // Go's own limit (runtime/debug.SetMaxThreads)
    FG_G_SPAN = 512,        // bytes of a g that are read; every field used lies below
    FG_RANGE_GAP = 2048,    // g structs closer than this are read in one range
    FG_RANGE_MAX = FG_SMALL ? 1 << 10 : 128 << 10,
    FG_SCAN_BUFFER = FG_SMALL ? 2 << 10 : 256 << 10,
    FG_STACK_BATCH = FG_SMALL ? 2 : 128,
    FG_MAX_TORN = 3,
    FG_THREAD_CACHE = 256,
};

// What one g says, as read.
struct fg_sight {
    uint64_t lo, hi, m, sp, pc, goid, wait_since, lockedm, parent, gopc, startpc, waiting, labels, timer, sleep_when;
    uint8_t status, reason, seq;
    bool in_syscall; // sp and pc are those of the system call's entry
};

// What is remembered of the g at one index of allgs (which never shrinks, and whose pointers never change).
struct fg_goroutine {
    uint64_t address, goid, sp, pc, startpc, labels;
    uint64_t since_ns;     // first seen standing where it stands
    uint64_t verified_ns;  // its stack was last read
    uint64_t waiting;      // sudog
    uint64_t wait_address;
    uint64_t cpu_ns;       // time of the last CPU sample
    uint64_t m;            // its thread's m while it runs
    uint32_t node, row, group, cpu_node;
    uint8_t status, reason, seq, wait_kind;
    bool known;      // the key fields are those of the scan before
    bool in_syscall; // its stack is where it entered a system call or C
    bool unverified; // woke and parked at the same place since its stack was read
    uint8_t torn;    // scans in a row in which its stack could not be read as it stood
};

struct fg_range {
    uint64_t start, end;
    uint32_t first, last; // of order, half-open
};

struct fg_scan_counters {
    uint64_t scans, goroutines, changed, stacks, torn, faults, unread;
};

struct fg_scanner {
    struct fg_memory *memory;
    struct fg_tables tables; // own caches: the scanner runs beside Python's symboliser
    struct fg_layout layout;
    struct fg_trie trie;
    struct fg_rows rows;
    struct fg_labels labels;
    struct fg_members members;
    struct fg_goroutine *goroutines;
    uint32_t n, capacity;
    uint32_t *order;  // indices by address
    uint32_t *index;  // address → index + 1, open addressing
    uint32_t index_mask;
    struct fg_range *ranges;
    uint32_t n_ranges;
    uint64_t *system_starts; // sorted entry pcs of functions that system goroutines start in
    size_t n_system_starts;
    uint64_t accounted_ns;   // weights are settled up to here
    uint64_t previous_scan_ns;
    uint32_t g_span;
    uint8_t *buffer, *stacks, *refill, *again, *ok;
    struct fg_span *spans;
    struct fg_pending *pending;
    size_t n_pending;
    struct {
        uint64_t g0, m;
    } threads[FG_THREAD_CACHE]; // direct mapped: a g0's m never changes
    struct fg_scan_counters counters;
};

int fg_scanner_init(struct fg_scanner *s, struct fg_memory *m, const struct fg_tables *tables,
                    const struct fg_layout *layout);
void fg_scanner_deinit(struct fg_scanner *s);
int fg_scanner_set_system(struct fg_scanner *s, const uint64_t *starts, size_t n);
// One pass over all goroutines. -ESRCH: the process is gone.
int fg_scan(struct fg_scanner *s, uint64_t now_ns);
// The goroutine whose g lies at address, or NULL.
struct fg_goroutine *fg_scanner_find(struct fg_scanner *s, uint64_t g_address);
// Adds on-CPU time to a row. g, when not NULL, is the goroutine that ran.
void fg_scanner_oncpu(struct fg_scanner *s, struct fg_goroutine *g, struct fg_row_key key, uint64_t at_ns,
                      uint64_t weight_ns);
// labels is an address (g.labels).
uint32_t fg_scanner_group(struct fg_scanner *s, uint64_t gopc, uint64_t startpc, uint64_t labels, uint64_t now_ns);
// Sets rows' oldest_ns: the longest wait of each. One pass over all goroutines.
void fg_scanner_find_oldest(struct fg_scanner *s);
// Forgets stacks, groups and rows (when the trie is nearly full); the next scan reads everything again.
int fg_scanner_reset(struct fg_scanner *s);
bool fg_scanner_is_full(const struct fg_scanner *s);
// Appends what has changed since the list before of the goroutines that are followed (at most FG_MAX_MEMBERS, the same
// ones as long as they live), and in `left` those that are gone. all: a generation begins, so all of them are told.
int fg_scanner_members(struct fg_scanner *s, bool all, uint64_t now_ns, uint64_t epoch_ns, struct fg_definitions *d,
                       struct fg_member_columns *out);

struct fg_wait_object {
    uint64_t address, longest_ns;
    uint32_t count, node;
    uint8_t kind, reason;
};
enum { FG_MAX_WAIT_OBJECTS = 64 };
// ---- waits.c: what goroutines wait on ------------------------------------------------------------------------------------

// What most goroutines wait on, most waiters first; returns how many (at most FG_MAX_WAIT_OBJECTS).
size_t fg_scanner_waits(struct fg_scanner *s, uint64_t now_ns, struct fg_wait_object *out);

// ---- snapshot.c: one consistent look at every goroutine, for `flarego dump` ------------------------------------------------

struct fg_snapshot {
    struct fg_sight sight;
    struct fg_stack stack;
    uint64_t address, thread, wait_address;
    uint8_t wait_kind;
};
typedef int (*fg_snapshot_fn)(void *context, const struct fg_snapshot *snapshot);
// Calls back for each live goroutine, in the order of allgs; a negative return ends it and is returned.
int fg_snapshot_all(struct fg_scanner *s, fg_snapshot_fn callback, void *context);

// Shared by scan, snapshot and attribution.
int fg_sight_of(struct fg_scanner *s, uint64_t g_address, struct fg_sight *out);
int fg_scanner_refresh(struct fg_scanner *s); // learns of new goroutines
void fg_sight_read(const struct fg_layout *l, const uint8_t *g, struct fg_sight *out);
bool fg_sight_is_live(const struct fg_sight *sight);
bool fg_sight_has_stack(const struct fg_sight *sight);

// ---- oncpu: which stack each running thread executes ---------------------------------------------------------------------

struct fg_oncpu_counters {
    uint64_t samples, lost, unattributed, unrepaired, threads, uncovered;
};

// perf.c: perf_event_open, one cpu-clock event and ring per thread; nothing is stopped.
struct fg_perf;
// kernel: also count time in the kernel (needs perf_event_paranoid < 2 or CAP_PERFMON); tried first, then without.
// Returns 0 or -EACCES, -EPERM (seccomp), -ENOSYS, -ESRCH, -EMFILE, -ENOMEM.
int fg_perf_open(struct fg_perf **out, pid_t pid, uint64_t period_ns);
void fg_perf_close(struct fg_perf *p);
int fg_perf_refresh(struct fg_perf *p); // opens new threads' events, closes those of threads that ended
int fg_perf_set_period(struct fg_perf *p, uint64_t period_ns);
bool fg_perf_sees_kernel(const struct fg_perf *p);
// Attributes everything in the rings.
void fg_perf_drain(struct fg_perf *p, struct fg_scanner *s, struct fg_oncpu_counters *c);
// What one sample costs whoever is interrupted, ns: measured on the calling thread, in about 25 ms. 0: not permitted.
double fg_perf_interrupt_ns(void);
// How long the rings hold at this period, ns: drain at least that often.
uint64_t fg_perf_ring_ns(const struct fg_perf *p);

// One raw sample, as parsed out of a ring; see perf.c for the repair of a frameless leaf.
struct fg_sample {
    uint64_t ip, time, period, bp, sp, g, n_ips, stack_size;
    uint32_t tid;
    const uint64_t *ips;
    const uint8_t *stack;
};
bool fg_sample_parse(const uint8_t *record, size_t size, struct fg_sample *out);
void fg_sample_attribute(struct fg_scanner *s, const struct fg_sample *sample, struct fg_oncpu_counters *c);
// Adds a stack (innermost first) that was seen on a CPU. g_register is what the thread's g register held; goexit says
// that the stack reaches down to runtime.goexit, that is to a goroutine's beginning.
void fg_attribute(struct fg_scanner *s, uint64_t g_register, const uint64_t *pcs, size_t n, bool goexit, uint64_t at_ns,
                  uint64_t weight_ns, struct fg_oncpu_counters *c);

// ptrace.c: the fallback. Seizes a running thread, interrupts it, reads its registers and detaches, at a bounded
// rate. A tracer that dies leaves its tracees running: the kernel detaches them.
enum { FG_TRACED_SLOTS = 1024 };
struct fg_ptrace {
    pid_t pid;
    pid_t pending; // a thread that had not stopped when we gave up waiting
    uint64_t stops, longest_ns, total_ns;
    struct {
        pid_t tid;
        uint64_t cpu_ns;
    } threads[FG_TRACED_SLOTS]; // direct mapped: CPU time up to the last sample
};
// Samples every thread that is running now once; its weight is the CPU time it used since its last sample.
// Returns 0, -ESRCH, or -EPERM when the target cannot be traced (already traced, Yama, seccomp).
int fg_ptrace_sample(struct fg_ptrace *p, struct fg_scanner *s, struct fg_oncpu_counters *c, uint64_t now_ns);
// Lets go of anything still held.
void fg_ptrace_release(struct fg_ptrace *p);

// ---- clock.c -------------------------------------------------------------------------------------------------------------

uint64_t fg_now_ns(void);                  // CLOCK_MONOTONIC
uint64_t fg_thread_cpu_ns(void);           // of the calling thread
uint64_t fg_process_cpu_ns(void);          // of this process
uint64_t fg_cpu_of_process_ns(pid_t pid);  // 0 when it is gone

// ---- sampler.c: the thread, its budget, and the drain -----------------------------------------------------------------------

enum fg_engine { FG_ENGINE_AUTO, FG_ENGINE_PERF, FG_ENGINE_PTRACE, FG_ENGINE_MEMORY };

struct fg_options {
    double budget;   // CPU, as a fraction of one core
    double scan_hz;  // 0: adaptive
    double oncpu_hz; // 0: adaptive
    enum fg_engine engine;
};

struct fg_rates {
    double scan_hz, oncpu_hz;
    double scan_cost_ns, sample_cost_ns; // smoothed: CPU of one scan; of one CPU sample, the target's interrupt included
    double other_cpu, cores;             // smoothed: this program's CPU outside the sampler; the target's
};
// Rates that keep the cost within the budget. Pure.
void fg_rates_decide(struct fg_rates *rates, const struct fg_options *options);

struct fg_drain {
    uint64_t start_ns, end_ns;
    struct fg_definitions definitions;
    struct fg_columns rows;
    struct fg_wait_object waits[FG_MAX_WAIT_OBJECTS];
    size_t n_waits;
    struct fg_member_columns members;
    uint64_t n_members, n_living; // followed, of how many
    uint64_t counts[FG_N_STATES + 1];
    struct fg_scan_counters scan;     // of this drain alone
    struct fg_oncpu_counters oncpu;
    struct fg_rates rates;
    double cpu; // fraction of one core that flarego cost since the drain before, interrupts in the target included
    uint64_t stops, longest_stop_ns;
    enum fg_engine engine;
    int perf_error, ptrace_error; // why not a better engine: negative errno, 0 when it was not tried or works
    bool sees_kernel;
};

struct fg_sampler;
int fg_sampler_create(struct fg_sampler **out, struct fg_memory *m, const struct fg_tables *tables,
                      const struct fg_layout *layout, const struct fg_options *options);
void fg_sampler_destroy(struct fg_sampler *s);
struct fg_scanner *fg_sampler_scanner(struct fg_sampler *s); // only while it is not started
int fg_sampler_start(struct fg_sampler *s);
void fg_sampler_stop(struct fg_sampler *s);
// Hands over what was added up since the drain before. The result belongs to the sampler and lasts until the next.
// Members' times count from epoch_ns. -ESRCH: the process has gone.
int fg_sampler_drain(struct fg_sampler *s, bool new_generation, uint64_t epoch_ns, const struct fg_drain **out);
// Appends the bytes of a label set, as in struct fg_label_set; nothing for 0 and for sets that were forgotten.
int fg_sampler_labels(struct fg_sampler *s, uint32_t set, struct fg_bytes *out);

#endif
