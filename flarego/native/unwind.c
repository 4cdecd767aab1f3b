#include "flarego.h"

#include <string.h>

// Reads the word at address, which must lie in the stack.
static bool stack_word(struct fg_stack_memory *s, uint64_t address, uint64_t *out) {
    if (address < s->lo || address > s->hi - 8 || s->hi < 8)
        return false;
    if (address < s->window_start || address - s->window_start + 8 > s->window_size) {
        if (!s->refill)
            return false;
        uint64_t size = s->hi - address < FG_STACK_REFILL ? s->hi - address : FG_STACK_REFILL;
        ssize_t n = fg_read_some(s->memory, address, s->refill, (size_t)size);
        if (n < 8)
            return false;
        s->window = s->refill;
        s->window_start = address;
        s->window_size = (uint64_t)n;
    }
    memcpy(out, s->window + (address - s->window_start), 8);
    return true;
}

void fg_stack_push(struct fg_stack *out, size_t *walked, uint64_t pc) {
    size_t i = (*walked)++;
    if (i < FG_HEAD_FRAMES) {
        out->pcs[out->n++] = pc;
    } else if (i < FG_HEAD_FRAMES + FG_TAIL_FRAMES) {
        if (i == FG_HEAD_FRAMES)
            out->pcs[out->n++] = FG_PC_ELIDED;
        out->pcs[out->n++] = pc;
    } else { // a ring of the outermost frames, straightened when the walk ends
        out->pcs[FG_HEAD_FRAMES + 1 + i % FG_TAIL_FRAMES] = pc;
    }
}

// Rotates the ring of outermost frames into order, and drops the mark where nothing was left out.
static void straighten(struct fg_stack *out, size_t walked) {
    if (walked <= FG_HEAD_FRAMES)
        return;
    uint64_t *tail = out->pcs + FG_HEAD_FRAMES + 1;
    if (walked <= FG_HEAD_FRAMES + FG_TAIL_FRAMES) {
        memmove(tail - 1, tail, (walked - FG_HEAD_FRAMES) * sizeof(*tail));
        out->n = walked;
        return;
    }
    uint64_t ring[FG_TAIL_FRAMES];
    memcpy(ring, tail, sizeof(ring));
    for (size_t k = 0; k < FG_TAIL_FRAMES; k++)
        tail[k] = ring[(walked + k) % FG_TAIL_FRAMES];
}

static void note_wait(struct fg_stack_memory *s, const struct fg_pc_info *info, uint64_t fp, struct fg_stack *out) {
    static const uint8_t kinds[FG_SPECIAL_COUNT] = {
        [FG_SPECIAL_SEMACQUIRE] = FG_WAIT_SEMAPHORE,
        [FG_SPECIAL_NOTIFY_WAIT] = FG_WAIT_COND,
        [FG_SPECIAL_POLL_WAIT] = FG_WAIT_POLL,
    };
    uint8_t kind = kinds[info->special];
    if (kind != FG_WAIT_NONE && out->wait_kind == FG_WAIT_NONE && stack_word(s, fp, &out->wait_address))
        out->wait_kind = kind; // the first argument is spilled where the frame begins (facts, section 7)
}

void fg_unwind(struct fg_tables *t, struct fg_stack_memory *s, uint64_t pc, uint64_t sp, bool exact,
               struct fg_stack *out) {
    size_t walked = 0;
    out->n = 0;
    out->complete = out->goexit = false;
    out->wait_kind = FG_WAIT_NONE;
    out->wait_address = 0;
    while (walked < FG_MAX_WALK) {
        struct fg_pc_info info;
        if (fg_pc_info(t, pc, &info))
            break;
        bool top = info.flag & FG_FUNC_TOP_FRAME;
        if (!top || walked == 0)
            fg_stack_push(out, &walked, exact ? pc | FG_PC_EXACT : pc);
        if (top) {
            out->complete = true;
            out->goexit = info.special == FG_SPECIAL_GOEXIT;
            break;
        }
        // SP was written in between: only where the walk begins is it known.
        if ((info.flag & FG_FUNC_SP_WRITE) && walked > 1 && info.special != FG_SPECIAL_CGOCALLBACK)
            break;
        uint64_t fp = sp + (uint64_t)info.sp_delta + 8, ret;
        if (fp <= sp || !stack_word(s, fp - 8, &ret) || ret == 0)
            break;
        note_wait(s, &info, fp, out);
        exact = info.special == FG_SPECIAL_SIGPANIC;
        sp = fp;
        pc = ret;
    }
    straighten(out, walked);
    out->walked = walked;
}
