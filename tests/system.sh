#!/usr/bin/env bash
# Installs what the tests need from Debian and npm, where it is missing and may be installed; says what stays missing.
# The tests that need something absent skip, and say so.
set -eu
cache="$(dirname "$0")/.cache"
mkdir -p "$cache"

updated=
apt() {
    command -v apt-get >/dev/null || return 1
    if [ -z "$updated" ]; then apt-get update -qq || return 1; updated=1; fi
    DEBIAN_FRONTEND=noninteractive "$@"
}

# have FILE-OR-COMMAND PACKAGE...
have() {
    command -v "$1" >/dev/null && return
    echo "installing ${*:2} for the tests"
    if [ "$(id -u)" = 0 ] && apt apt-get install -qq -y --no-install-recommends "${@:2}" >/dev/null; then return; fi
    echo "missing: $1 (apt-get install ${*:2}); the tests that need it will be skipped" >&2
}

have chromium chromium
have /usr/lib/go-1.19/bin/go golang-1.19-go
have clang clang
have strace strace
have npm npm

# Unpacked, not installed: the package would start a service.
if ! command -v prometheus >/dev/null && [ ! -x "$cache/deb/usr/bin/prometheus" ]; then
    (cd "$cache" && apt apt-get download -qq prometheus && dpkg -x prometheus_*.deb deb && rm prometheus_*.deb) ||
        echo "missing: prometheus; the tests that need it will be skipped" >&2
fi

# The same; with the libraries only it needs.
if ! command -v redis-server >/dev/null && [ ! -x "$cache/deb/usr/bin/redis-server" ]; then
    (cd "$cache" && apt apt-get download -qq redis-server redis-tools liblzf1 libjemalloc2 libatomic1 &&
        for deb in redis-*.deb lib*.deb; do dpkg -x "$deb" deb && rm "$deb"; done) ||
        echo "missing: redis-server; the tests that need it will be skipped" >&2
fi

# The same.
if ! command -v nginx >/dev/null && [ ! -x "$cache/deb/usr/sbin/nginx" ]; then
    (cd "$cache" && apt apt-get download -qq nginx && dpkg -x nginx_*.deb deb && rm nginx_*.deb) ||
        echo "missing: nginx; the tests that need it will be skipped" >&2
fi

if command -v npm >/dev/null && [ ! -x "$cache/npm/node_modules/.bin/tsc" ]; then
    npm install --silent --no-audit --no-fund --prefix "$cache/npm" typescript@5.9 ||
        echo "missing: tsc (npm install typescript); the check of the page's types will be skipped" >&2
fi
