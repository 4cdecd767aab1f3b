#define _GNU_SOURCE
#include "flarego.h"

#include <dirent.h>
#include <errno.h>
#include <linux/perf_event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum {
    STACK_BYTES = 256,    // the word a frameless leaf's caller lies in was never further than 191 (facts, section 3)
    MAX_CHAIN = 127,      // kernel.perf_event_max_stack
    MAX_RECORD = 1 << 16, // perf_event_header.size is 16 bits
    RING_PAGES_MAX = 16,
    RING_PAGES_MIN = 2,
    TYPICAL_RECORD = 640, // bytes: 20 frames, 4 registers, 256 bytes of stack
};

// Registers: arch facts, amd64. Bits of linux/perf_regs.h for BP, SP, IP, R14 (Go's current g); sampled in bit order.
enum { REG_BP, REG_SP, REG_IP, REG_G, N_REGS };
#define REGS_MASK ((1ull << 6) | (1ull << 7) | (1ull << 8) | (1ull << 22))

struct thread_ring {
    pid_t tid;
    int fd;
    struct perf_event_mmap_page *page;
    size_t pages; // data pages, a power of two
    bool alive;
};

struct fg_perf {
    pid_t pid;
    uint64_t period_ns;
    bool kernel;
    struct thread_ring *rings;
    size_t n, capacity, page_size, pages;
    uint64_t uncovered;
    uint8_t *record;
};

static int open_event(pid_t tid, uint64_t period_ns, bool kernel) {
    struct perf_event_attr attr = {
        .type = PERF_TYPE_SOFTWARE,
        .size = sizeof(attr),
        .config = PERF_COUNT_SW_CPU_CLOCK,
        .sample_period = period_ns,
        .sample_type = PERF_SAMPLE_IP | PERF_SAMPLE_TID | PERF_SAMPLE_TIME | PERF_SAMPLE_CALLCHAIN |
                       PERF_SAMPLE_PERIOD | PERF_SAMPLE_REGS_USER | PERF_SAMPLE_STACK_USER,
        .exclude_kernel = !kernel,
        .exclude_hv = 1,
        .exclude_callchain_kernel = 1,
        .use_clockid = 1,
        .clockid = CLOCK_MONOTONIC,
        .sample_regs_user = REGS_MASK,
        .sample_stack_user = STACK_BYTES,
        .sample_max_stack = MAX_CHAIN,
    };
    long fd = syscall(SYS_perf_event_open, &attr, tid, -1, -1, PERF_FLAG_FD_CLOEXEC);
    return fd < 0 ? -errno : (int)fd;
}

static void ring_close(struct thread_ring *r, size_t page_size) {
    if (r->page)
        munmap(r->page, (r->pages + 1) * page_size);
    close(r->fd);
}

// Maps the largest ring the memlock limit grants.
static int ring_open(struct fg_perf *p, pid_t tid, struct thread_ring *out) {
    int fd = open_event(tid, p->period_ns, p->kernel);
    if (fd < 0)
        return fd;
    for (size_t pages = p->pages; pages >= RING_PAGES_MIN; pages /= 2) {
        void *page = mmap(NULL, (pages + 1) * p->page_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        if (page != MAP_FAILED) {
            *out = (struct thread_ring){tid, fd, page, pages, true};
            return 0;
        }
        p->pages = pages > RING_PAGES_MIN ? pages / 2 : RING_PAGES_MIN;
    }
    int err = -errno;
    close(fd);
    return err;
}

int fg_perf_open(struct fg_perf **out, pid_t pid, uint64_t period_ns) {
    struct fg_perf *p = calloc(1, sizeof(*p));
    if (!p)
        return -ENOMEM;
    *p = (struct fg_perf){.pid = pid, .period_ns = period_ns, .kernel = true, .pages = RING_PAGES_MAX,
                          .page_size = (size_t)sysconf(_SC_PAGESIZE), .record = malloc(MAX_RECORD)};
    int probe = open_event(pid, period_ns, true);
    if (probe == -EACCES) {
        p->kernel = false;
        probe = open_event(pid, period_ns, false);
    }
    int err = probe < 0 ? probe : p->record ? 0 : -ENOMEM;
    if (probe >= 0)
        close(probe);
    if (!err)
        err = fg_perf_refresh(p);
    if (!err && p->n == 0)
        err = -EPERM;
    if (err) {
        fg_perf_close(p);
        return err;
    }
    *out = p;
    return 0;
}

void fg_perf_close(struct fg_perf *p) {
    for (size_t i = 0; i < p->n; i++)
        ring_close(&p->rings[i], p->page_size);
    free(p->rings);
    free(p->record);
    free(p);
}

bool fg_perf_sees_kernel(const struct fg_perf *p) { return p->kernel; }

uint64_t fg_perf_ring_ns(const struct fg_perf *p) {
    return p->pages * p->page_size / TYPICAL_RECORD * p->period_ns / 2;
}

static struct thread_ring *find_ring(struct fg_perf *p, pid_t tid) {
    for (size_t i = 0; i < p->n; i++)
        if (p->rings[i].tid == tid)
            return &p->rings[i];
    return NULL;
}

static int add_ring(struct fg_perf *p, pid_t tid) {
    if (p->n == p->capacity) {
        size_t capacity = p->capacity ? p->capacity * 2 : 16;
        struct thread_ring *grown = realloc(p->rings, capacity * sizeof(*grown));
        if (!grown)
            return -ENOMEM;
        p->rings = grown;
        p->capacity = capacity;
    }
    int err = ring_open(p, tid, &p->rings[p->n]);
    if (!err)
        p->n++;
    return err;
}

int fg_perf_refresh(struct fg_perf *p) {
    char path[64];
    snprintf(path, sizeof(path), "/proc/%d/task", (int)p->pid);
    DIR *dir = opendir(path);
    if (!dir)
        return errno == ENOENT ? -ESRCH : -errno;
    for (size_t i = 0; i < p->n; i++)
        p->rings[i].alive = false;
    int err = 0;
    p->uncovered = 0;
    for (struct dirent *entry; (entry = readdir(dir));) {
        pid_t tid = (pid_t)strtol(entry->d_name, NULL, 10);
        struct thread_ring *ring = tid > 0 ? find_ring(p, tid) : NULL;
        if (ring)
            ring->alive = true;
        else if (tid > 0 && p->n < FG_MAX_THREADS && (err = add_ring(p, tid)) && err != -ESRCH)
            p->uncovered++;
    }
    closedir(dir);
    for (size_t i = 0; i < p->n;) {
        if (p->rings[i].alive) {
            i++;
            continue;
        }
        ring_close(&p->rings[i], p->page_size);
        p->rings[i] = p->rings[--p->n];
    }
    return p->n == 0 && err ? err : 0;
}

int fg_perf_set_period(struct fg_perf *p, uint64_t period_ns) {
    p->period_ns = period_ns;
    for (size_t i = 0; i < p->n; i++)
        if (ioctl(p->rings[i].fd, PERF_EVENT_IOC_PERIOD, &period_ns))
            return -errno;
    return 0;
}

// A cursor over one record; take() fails for good at the first field that does not fit.
struct cursor {
    const uint8_t *at, *end;
    bool ok;
};

static const void *take(struct cursor *c, size_t size) {
    if (!c->ok || (size_t)(c->end - c->at) < size) {
        c->ok = false;
        return NULL;
    }
    const void *here = c->at;
    c->at += size;
    return here;
}

static uint64_t take_word(struct cursor *c) {
    uint64_t value = 0;
    const void *here = take(c, 8);
    if (here)
        memcpy(&value, here, 8);
    return value;
}

// Field order: man perf_event_open, "MMAP layout", PERF_RECORD_SAMPLE.
bool fg_sample_parse(const uint8_t *record, size_t size, struct fg_sample *out) {
    struct cursor c = {record, record + size, true};
    memset(out, 0, sizeof(*out));
    out->ip = take_word(&c);
    uint64_t ids = take_word(&c);
    out->tid = (uint32_t)(ids >> 32);
    out->time = take_word(&c);
    out->period = take_word(&c);
    out->n_ips = take_word(&c);
    if (out->n_ips > MAX_CHAIN + 8)
        return false;
    out->ips = take(&c, out->n_ips * 8);
    if (take_word(&c) == PERF_SAMPLE_REGS_ABI_64) {
        uint64_t regs[N_REGS];
        for (int i = 0; i < N_REGS; i++)
            regs[i] = take_word(&c);
        out->bp = regs[REG_BP];
        out->sp = regs[REG_SP];
        out->ip = regs[REG_IP];
        out->g = regs[REG_G];
    }
    uint64_t reserved = take_word(&c);
    if (reserved > MAX_RECORD)
        return false;
    out->stack = take(&c, reserved);
    out->stack_size = reserved ? take_word(&c) : 0;
    return c.ok && out->stack_size <= reserved;
}

static void drain_ring(struct fg_perf *p, struct thread_ring *r, struct fg_scanner *s, struct fg_oncpu_counters *c) {
    const uint64_t size = r->pages * p->page_size, mask = size - 1;
    const uint8_t *data = (const uint8_t *)r->page + p->page_size;
    uint64_t head = __atomic_load_n(&r->page->data_head, __ATOMIC_ACQUIRE), tail = r->page->data_tail;
    while (tail < head) {
        struct perf_event_header header;
        memcpy(&header, data + (tail & mask), sizeof(header)); // records are 8-aligned: a header never wraps
        if (header.size < sizeof(header) || header.size > head - tail)
            break;
        size_t first = (size_t)(size - (tail & mask));
        if (first > header.size)
            first = header.size;
        memcpy(p->record, data + (tail & mask), first);
        memcpy(p->record + first, data, header.size - first);
        tail += header.size;
        struct fg_sample sample;
        if (header.type == PERF_RECORD_SAMPLE &&
            fg_sample_parse(p->record + sizeof(header), header.size - sizeof(header), &sample)) {
            fg_sample_attribute(s, &sample, c);
        } else if (header.type == PERF_RECORD_LOST && header.size >= sizeof(header) + 16) {
            uint64_t lost;
            memcpy(&lost, p->record + sizeof(header) + 8, 8);
            c->lost += lost;
        }
    }
    __atomic_store_n(&r->page->data_tail, head, __ATOMIC_RELEASE);
}

void fg_perf_drain(struct fg_perf *p, struct fg_scanner *s, struct fg_oncpu_counters *c) {
    for (size_t i = 0; i < p->n; i++)
        if (p->rings[i].page->data_tail != __atomic_load_n(&p->rings[i].page->data_head, __ATOMIC_ACQUIRE))
            drain_ring(p, &p->rings[i], s, c);
    c->threads = p->n;
    c->uncovered = p->uncovered;
}

static double spin_ns(void) {
    volatile uint64_t x = 1;
    uint64_t start = fg_now_ns(); // not CPU time: kernels may leave interrupts out of that
    for (int i = 0; i < 500000; i++)
        x = x * 3 + 1;
    return (double)(fg_now_ns() - start);
}

static int ascending(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

// Half of a virtual machine's cost is the hypervisor's: 5 to 20 us a sample on the machines this was built on, 2 us on
// bare metal. The median over pairs of short spins, with and without, because others run too and clocks drift.
double fg_perf_interrupt_ns(void) {
    enum { PAIRS = 41, CALIBRATION_PERIOD_NS = 100000 };
    struct fg_perf p = {.period_ns = CALIBRATION_PERIOD_NS, .kernel = false, .pages = RING_PAGES_MIN,
                        .page_size = (size_t)sysconf(_SC_PAGESIZE)};
    double costs[PAIRS];
    struct thread_ring ring;
    if (ring_open(&p, 0, &ring))
        return 0;
    for (int i = 0; i < PAIRS; i++) {
        ioctl(ring.fd, PERF_EVENT_IOC_DISABLE, 0);
        double quiet = spin_ns();
        ioctl(ring.fd, PERF_EVENT_IOC_ENABLE, 0);
        double sampled = spin_ns();
        costs[i] = (sampled - quiet) / (sampled / CALIBRATION_PERIOD_NS);
    }
    ring_close(&ring, p.page_size);
    qsort(costs, PAIRS, sizeof(*costs), ascending);
    double cost = costs[PAIRS / 2];
    return cost < 1000 ? 1000 : cost > 50000 ? 50000 : cost;
}
