# Everything happens in .venv; nothing is needed beforehand but Python 3.11 or later, a C compiler and make.
#   make demo     build the demo service, run it under load, attach to it, print the dashboard's URL
#   make test     the whole suite, browser tests included
#   make bench    the figures of the README's table of costs   (BENCH="overhead_2000 …" for some of them)
#   make fuzz     everything that parses foreign bytes, with sanitizers
#   make lint     ruff, mypy, import-linter
# ARGS goes to the command: make demo ARGS=--open, make test ARGS="-k stacks", make bench BENCH=big_100000 ARGS=--quick.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
SOURCES := pyproject.toml $(wildcard flarego/native/*.c flarego/native/*.h)
BENCH ?= $(sort $(patsubst tests/bench/%.py,%,$(filter-out %/__init__.py %/common.py %/stacks.py,$(wildcard tests/bench/*.py))))
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: demo test test-all-go bench fuzz lint system clean

demo: $(VENV)/.demo
	$(BIN)/flarego demo $(ARGS)

# Live processes and browsers on a loaded machine: a test that fails once is tried once more, and the report says so.
# Two at a time; then those that measure or want the machine to themselves (tests/conftest.py). 5: none was chosen.
PYTEST = $(BIN)/python -m pytest --reruns 1
test: system $(VENV)/.test
	cd tests && ../$(BIN)/python targets/build.py
	$(PYTEST) -m "not alone" -n 2 --dist loadfile $(ARGS) || [ $$? = 5 ] || failed=1; \
	$(PYTEST) -m alone $(ARGS) || [ $$? = 5 ] || failed=1; \
	[ -z "$$failed" ]

# Every Go version, not only the representative ones; about 3 GB of toolchains the first time.
test-all-go: system $(VENV)/.test
	cd tests && FLAREGO_GO=all ../$(BIN)/python targets/build.py
	FLAREGO_GO=all $(BIN)/python -m pytest tests/golang tests/fidelity $(ARGS)

bench: system $(VENV)/.test
	cd tests && for name in $(BENCH); do ../$(BIN)/python -m bench.$$name $(ARGS) || exit; done

# FUZZ_RUNS executions of each fuzzer; their corpora stay in tests/.cache/fuzz.
FUZZ_RUNS ?= 2500000
fuzz: system $(VENV)/.test
	sh tests/fuzz/build.sh tests/.cache/fuzz
	set -e; for fuzzer in tests/.cache/fuzz/fuzz_*; do \
	    corpus=tests/.cache/fuzz/corpus/$${fuzzer##*/}; mkdir -p $$corpus; \
	    $$fuzzer -runs=$(FUZZ_RUNS) -print_final_stats=1 $(ARGS) $$corpus; done
	$(BIN)/python tests/fuzz/fuzz_formats.py --runs $(FUZZ_RUNS)
	$(BIN)/python tests/fuzz/fuzz_clip.py --runs $(FUZZ_RUNS)
	$(BIN)/python tests/fuzz/fuzz_ingest.py --runs $(FUZZ_RUNS)
	$(BIN)/python tests/fuzz/fuzz_interop.py --runs $(FUZZ_RUNS)
	$(BIN)/python tests/fuzz/fuzz_api.py --runs 2000

lint: $(VENV)/.test
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

system:
	@tests/system.sh

$(BIN)/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "FlareGo needs Python 3.11 or later")'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.demo: $(BIN)/python $(SOURCES)
	$(BIN)/pip install --quiet --editable '.[demo]'
	touch $@

$(VENV)/.test: $(BIN)/python $(SOURCES)
	CFLAGS=-Werror $(BIN)/pip install --quiet --editable '.[test,demo]'
	touch $@

clean:
	rm -rf $(VENV) build tests/.cache flarego/native/*.so flarego.egg-info
