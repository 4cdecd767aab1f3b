#define _GNU_SOURCE
#include "flarego.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

int fg_memory_init(struct fg_memory *m, pid_t pid) {
    memset(m, 0, sizeof(*m));
    m->pid = pid;
    return 0;
}

void fg_memory_deinit(struct fg_memory *m) {
    for (size_t i = 0; i < m->n_segments; i++) {
        if (m->segments[i].fd >= 0)
            close(m->segments[i].fd);
        free((void *)m->segments[i].bytes);
    }
    free(m->segments);
    memset(m, 0, sizeof(*m));
}

// Keeps segments sorted by start, so that reads can search them.
static int insert_segment(struct fg_memory *m, struct fg_segment segment) {
    if (segment.start >= segment.end)
        return -EINVAL;
    size_t at = 0;
    while (at < m->n_segments && m->segments[at].start < segment.start)
        at++;
    if (at > 0 && m->segments[at - 1].end > segment.start)
        return -EINVAL;
    if (at < m->n_segments && m->segments[at].start < segment.end)
        return -EINVAL;
    struct fg_segment *grown = realloc(m->segments, (m->n_segments + 1) * sizeof(*grown));
    if (!grown)
        return -ENOMEM;
    memmove(grown + at + 1, grown + at, (m->n_segments - at) * sizeof(*grown));
    grown[at] = segment;
    m->segments = grown;
    m->n_segments++;
    return 0;
}

int fg_memory_add_file(struct fg_memory *m, uint64_t start, uint64_t end, int fd, uint64_t offset) {
    int own = fcntl(fd, F_DUPFD_CLOEXEC, 3);
    if (own < 0)
        return -errno;
    int err = insert_segment(m, (struct fg_segment){.start = start, .end = end, .fd = own, .offset = offset});
    if (err)
        close(own);
    return err;
}

int fg_memory_add_bytes(struct fg_memory *m, uint64_t start, const void *bytes, size_t size) {
    uint64_t end;
    if (__builtin_add_overflow(start, (uint64_t)size, &end))
        return -EINVAL;
    uint8_t *copy = malloc(size ? size : 1);
    if (!copy)
        return -ENOMEM;
    memcpy(copy, bytes, size);
    int err = insert_segment(m, (struct fg_segment){.start = start, .end = end, .fd = -1, .bytes = copy});
    if (err)
        free(copy);
    return err;
}

// The first segment that ends after address: it holds the address, or lies beyond it. NULL: none.
static const struct fg_segment *segment_at_or_after(const struct fg_memory *m, uint64_t address) {
    size_t low = 0, high = m->n_segments;
    while (low < high) {
        size_t mid = (low + high) / 2;
        if (m->segments[mid].end > address)
            high = mid;
        else
            low = mid + 1;
    }
    return low < m->n_segments ? &m->segments[low] : NULL;
}

static ssize_t read_segment(const struct fg_segment *s, uint64_t address, void *out, size_t size) {
    uint64_t room = s->end - address;
    if (size > room)
        size = (size_t)room;
    if (s->fd < 0) {
        memcpy(out, s->bytes + (address - s->start), size);
        return (ssize_t)size;
    }
    size_t done = 0;
    while (done < size) {
        ssize_t n = pread(s->fd, (char *)out + done, size - done, (off_t)(s->offset + (address - s->start) + done));
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            break;
        done += (size_t)n;
    }
    return done ? (ssize_t)done : -EFAULT;
}

static ssize_t read_process(struct fg_memory *m, uint64_t address, void *out, size_t size) {
    if (m->pid <= 0)
        return -EFAULT;
    struct iovec local = {out, size}, remote = {(void *)(uintptr_t)address, size};
    m->calls++;
    ssize_t n = process_vm_readv(m->pid, &local, 1, &remote, 1, 0);
    if (n < 0)
        return -errno;
    m->bytes += (uint64_t)n;
    return n ? n : -EFAULT;
}

ssize_t fg_read_some(struct fg_memory *m, uint64_t address, void *out, size_t size) {
    uint64_t end;
    if (size == 0)
        return 0;
    if (__builtin_add_overflow(address, (uint64_t)size, &end))
        return -EFAULT;
    size_t done = 0;
    while (done < size) {
        uint64_t at = address + done;
        size_t want = size - done;
        const struct fg_segment *s = segment_at_or_after(m, at);
        ssize_t n;
        if (s && s->start <= at) {
            n = read_segment(s, at, (char *)out + done, want);
        } else {
            if (s && s->start < end)
                want = (size_t)(s->start - at);
            n = read_process(m, at, (char *)out + done, want);
        }
        if (n < 0) {
            m->faults++;
            return done ? (ssize_t)done : n;
        }
        done += (size_t)n;
        if ((size_t)n < want && !(s && s->start <= at))
            break; // a hole in the process; what follows is not contiguous
    }
    return (ssize_t)done;
}

int fg_read(struct fg_memory *m, uint64_t address, void *out, size_t size) {
    ssize_t n = fg_read_some(m, address, out, size);
    if (n < 0)
        return (int)n;
    return (size_t)n == size ? 0 : -EFAULT;
}

static bool touches_segment(const struct fg_memory *m, const struct fg_span *span) {
    const struct fg_segment *s = segment_at_or_after(m, span->address);
    return s && s->start < span->address + span->size;
}

static void mark(uint8_t *ok, size_t i, bool good, void *out, size_t size) {
    if (!good)
        memset(out, 0, size);
    if (ok)
        ok[i] = good;
}

// Reads spans[0..n) with one call. process_vm_readv stops at the first bad span and says only how many bytes it
// copied, so the count tells how many spans are whole; *whole leaves through the last parameter.
static int read_batch(struct fg_memory *m, const struct fg_span *spans, size_t n, char *out, size_t *whole) {
    struct iovec remote[FG_MAX_SPANS_PER_CALL];
    size_t total = 0;
    for (size_t i = 0; i < n; i++) {
        remote[i] = (struct iovec){(void *)(uintptr_t)spans[i].address, spans[i].size};
        total += spans[i].size;
    }
    struct iovec local = {out, total};
    *whole = 0;
    m->calls++;
    ssize_t got = process_vm_readv(m->pid, &local, 1, remote, n, 0);
    if (got < 0)
        return errno == EFAULT ? 0 : -errno;
    m->bytes += (uint64_t)got;
    size_t copied = (size_t)got;
    while (*whole < n && copied >= spans[*whole].size)
        copied -= spans[(*whole)++].size;
    return 0;
}

ssize_t fg_read_spans(struct fg_memory *m, const struct fg_span *spans, size_t n, void *out, uint8_t *ok) {
    char *to = out;
    ssize_t good = 0;
    size_t i = 0;
    while (i < n) {
        size_t batch = 0;
        while (m->pid > 0 && i + batch < n && batch < FG_MAX_SPANS_PER_CALL && spans[i + batch].size > 0 &&
               !touches_segment(m, &spans[i + batch]))
            batch++;
        size_t whole = 0;
        if (batch > 0) {
            int err = read_batch(m, spans + i, batch, to, &whole);
            if (err)
                return err;
            for (size_t k = 0; k < whole; k++, i++) {
                mark(ok, i, true, to, spans[i].size);
                to += spans[i].size;
            }
            good += (ssize_t)whole;
        }
        if (i < n && whole == batch && batch == FG_MAX_SPANS_PER_CALL)
            continue;
        if (i < n && (whole < batch || batch == 0 || touches_segment(m, &spans[i]) || spans[i].size == 0)) {
            // Either the span the kernel stopped at, or one that a file or bytes serve.
            bool served = spans[i].size == 0 || (whole == batch && fg_read(m, spans[i].address, to, spans[i].size) == 0);
            if (!served)
                m->faults++;
            mark(ok, i, served, to, spans[i].size);
            good += served;
            to += spans[i].size;
            i++;
        }
    }
    return good;
}
