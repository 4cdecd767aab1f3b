#!/bin/sh
# Builds every fuzzer with libFuzzer, ASan and UBSan into $1.
set -eu
out=$1
here=$(cd "$(dirname "$0")" && pwd)
native=$here/../../flarego/native
core=""
for file in memory pclntab unwind intern rows book sums labels members scan waits snapshot clock sample perf; do core="$core $native/$file.c"; done
mkdir -p "$out"
for fuzzer in tables unwind scan sample book; do
    clang -std=c11 -g -O1 -Wall -Wextra -Werror -fno-omit-frame-pointer -fno-sanitize-recover=all \
        -DFG_SMALL=1 -fsanitize=fuzzer,address,undefined -I "$native" "$here/fuzz_$fuzzer.c" $core -o "$out/fuzz_$fuzzer"
done
