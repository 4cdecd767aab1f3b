#define _GNU_SOURCE
#include "flarego.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

// A running thread stops within microseconds on an idle machine and within milliseconds on a busy one. We wait this
// long, then go on and let go of it at the next sample.
static const uint64_t STOP_WAIT_NS = 20000000;
static const uint64_t POLL_NS = 50000;

static void nap(uint64_t ns) {
    struct timespec t = {0, (long)ns};
    nanosleep(&t, NULL);
}

// The signal a stop was about to deliver, which detaching must pass on; 0 when the stop is ours.
static int signal_of(int status) {
    bool event_stop = status >> 16 == PTRACE_EVENT_STOP;
    return event_stop || WSTOPSIG(status) == SIGTRAP ? 0 : WSTOPSIG(status);
}

// True once tid is stopped (or gone, *gone); false when it did not stop in time.
static bool wait_stop(pid_t tid, uint64_t timeout_ns, int *status, bool *gone) {
    uint64_t deadline = fg_now_ns() + timeout_ns;
    *gone = false;
    for (;;) {
        pid_t got = waitpid(tid, status, __WALL | WNOHANG);
        if (got == tid && WIFSTOPPED(*status))
            return true;
        if (got == tid || (got < 0 && errno != EINTR)) {
            *gone = true;
            return true;
        }
        if (fg_now_ns() >= deadline)
            return false;
        nap(POLL_NS);
    }
}

static void let_go(pid_t tid, int status) {
    ptrace(PTRACE_DETACH, tid, NULL, (void *)(intptr_t)signal_of(status));
}

void fg_ptrace_release(struct fg_ptrace *p) {
    int status;
    bool gone;
    if (p->pending && wait_stop(p->pending, STOP_WAIT_NS, &status, &gone)) {
        if (!gone)
            let_go(p->pending, status);
        p->pending = 0;
    }
}

// The stack of a stopped thread. Its g, a goroutine's or a g0's, says where the stack lies.
static void walk_stopped(struct fg_scanner *s, const struct user_regs_struct *regs, struct fg_stack *out) {
    uint64_t bounds[2] = {0, 0};
    out->n = 0;
    if (regs->r14 == 0 || fg_read(s->memory, regs->r14 + s->layout.g_stack_lo, bounds, sizeof(bounds)))
        bounds[0] = bounds[1] = 0;
    struct fg_stack_memory memory = {.memory = s->memory, .lo = bounds[0], .hi = bounds[1], .refill = s->refill};
    fg_unwind(&s->tables, &memory, regs->rip, regs->rsp, true, out);
    if (out->n == 0)
        out->pcs[out->n++] = regs->rip | FG_PC_EXACT;
}

// Stops one thread, reads its registers and stack, and lets it go.
static int sample_thread(struct fg_ptrace *p, struct fg_scanner *s, pid_t tid, struct fg_stack *stack, uint64_t *g) {
    struct user_regs_struct regs;
    int status, err = 0;
    bool gone;
    if (ptrace(PTRACE_SEIZE, tid, NULL, NULL))
        return -errno;
    uint64_t start = fg_now_ns();
    ptrace(PTRACE_INTERRUPT, tid, NULL, NULL);
    if (!wait_stop(tid, STOP_WAIT_NS, &status, &gone)) {
        p->pending = tid;
        return -EAGAIN;
    }
    if (gone)
        return -ESRCH;
    if (ptrace(PTRACE_GETREGS, tid, NULL, &regs) == 0) {
        walk_stopped(s, &regs, stack);
        *g = regs.r14;
    } else {
        err = -errno;
    }
    let_go(tid, status);
    uint64_t held = fg_now_ns() - start;
    p->stops++;
    p->total_ns += held;
    if (held > p->longest_ns)
        p->longest_ns = held;
    return err;
}

// Reads a small file of /proc/PID/task/TID; returns its length, 0 when the thread is gone.
static size_t read_task_file(pid_t pid, pid_t tid, const char *name, char *text, size_t size) {
    char path[64];
    snprintf(path, sizeof(path), "/proc/%d/task/%d/%s", (int)pid, (int)tid, name);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return 0;
    ssize_t n = read(fd, text, size - 1);
    close(fd);
    text[n > 0 ? n : 0] = 0;
    return n > 0 ? (size_t)n : 0;
}

static bool is_running(pid_t pid, pid_t tid) {
    char text[512];
    size_t n = read_task_file(pid, tid, "stat", text, sizeof(text));
    const char *name_end = n ? strrchr(text, ')') : NULL; // the name may hold anything, ')' included
    return name_end && name_end + 2 < text + n && name_end[2] == 'R';
}

// CPU time of a thread since the last call for it; 0 the first time. Source: proc_pid_schedstat, first number.
static uint64_t used_since(struct fg_ptrace *p, pid_t tid) {
    char text[128];
    if (!read_task_file(p->pid, tid, "schedstat", text, sizeof(text)))
        return 0;
    uint64_t cpu = strtoull(text, NULL, 10), used = 0;
    size_t slot = (size_t)tid % FG_TRACED_SLOTS;
    if (p->threads[slot].tid == tid && cpu > p->threads[slot].cpu_ns)
        used = cpu - p->threads[slot].cpu_ns;
    p->threads[slot].tid = tid;
    p->threads[slot].cpu_ns = cpu;
    return used;
}

int fg_ptrace_sample(struct fg_ptrace *p, struct fg_scanner *s, struct fg_oncpu_counters *c, uint64_t now_ns) {
    fg_ptrace_release(p);
    if (p->pending)
        return 0; // still in an uninterruptible call; never hold two
    char path[64];
    snprintf(path, sizeof(path), "/proc/%d/task", (int)p->pid);
    DIR *dir = opendir(path);
    if (!dir)
        return -ESRCH;
    struct fg_stack stack;
    int err = 0;
    c->threads = 0;
    for (struct dirent *entry; !p->pending && err != -EPERM && (entry = readdir(dir));) {
        pid_t tid = (pid_t)strtol(entry->d_name, NULL, 10);
        if (tid <= 0)
            continue;
        c->threads++;
        if (!is_running(p->pid, tid))
            continue;
        uint64_t weight = used_since(p, tid), g_register = 0;
        if (weight == 0)
            continue;
        err = sample_thread(p, s, tid, &stack, &g_register);
        if (err)
            continue;
        fg_attribute(s, g_register, stack.pcs, stack.n, stack.goexit, now_ns, weight, c);
    }
    closedir(dir);
    return err == -EPERM ? err : 0;
}
