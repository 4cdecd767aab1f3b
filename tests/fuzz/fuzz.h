// What the fuzzers share: the input is an image of hostile memory, mapped at BASE and also serving as function tables.
#ifndef FLAREGO_FUZZ_H
#define FLAREGO_FUZZ_H

#include <stdlib.h>
#include <string.h>

#include "flarego.h"

enum { BASE = 0x10000, TEXT = 0x400000, TEXT_SIZE = 0x1000 };

// Tables laid over the image: every address the core follows is the fuzzer's to choose.
static inline struct fg_module fuzz_module(const uint8_t *data, size_t size) {
    return (struct fg_module){
        .text = TEXT, .etext = TEXT + TEXT_SIZE, .min_pc = TEXT, .max_pc = TEXT + TEXT_SIZE,
        .ftab = BASE, .n_ftab = 1 + data[0] % 16, .pclntab = BASE, .pclntab_end = BASE + size,
        .func_base = BASE, .pctab = BASE, .func_size = data[1] & 1 ? 40 : 44, .gofunc = BASE,
        .quantum = data[1] & 2 ? 4 : 1,
    };
}

#endif
