"""Write the Go programs that are too long to keep, and build them."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

from targets.build import CACHE, PROGRAMS, build

FUNCTIONS_PER_PACKAGE = 500
# Measured with Go 1.27.3, default form: text, tables and DWARF of one generated function.
BYTES_PER_FUNCTION = 2100
BYTES_OF_RUNTIME = 4_600_000


def build_events(count: int) -> Path:
    """Return a program that, told "park N", parks a goroutine in main.eventN until told "free"."""
    return build("events", source=_module(f"events-{count}", {"events/main.go": _events(count)}))


def build_big(megabytes: int) -> Path:
    """Return a binary of about so many megabytes of ordinary code, which parks 100 goroutines."""
    functions = (megabytes * 1_000_000 - BYTES_OF_RUNTIME) // BYTES_PER_FUNCTION
    packages = max(1, round(functions / FUNCTIONS_PER_PACKAGE))
    files = {f"part{i}/part.go": _part(i) for i in range(packages)}
    files["big/main.go"] = _big(packages)
    return build("big", source=_module(f"big-{megabytes}", files))


def _module(name: str, files: dict[str, str]) -> Path:
    root = CACHE / "generated" / name
    shutil.copytree(PROGRAMS / "truth", root / "truth", dirs_exist_ok=True)
    shutil.copy(PROGRAMS / "go.mod", root)
    for path, text in files.items():
        file = root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return root


def _events(count: int) -> str:
    numbers = range(count)
    functions = "\n".join(f"//go:noinline\nfunc event{i}() {{ <-leave }}\n" for i in numbers)
    table = ", ".join(f"event{i}" for i in numbers)
    return f"""package main

import "example.com/targets/truth"

var leave = make(chan int)

//go:noinline
func request(event func()) {{ event() }}

{functions}
var events = []func(){{{table}}}

func main() {{
	truth.Handle("park", func(n string) []byte {{ go request(events[truth.Int(n)]); return nil }})
	truth.Handle("free", func(string) []byte {{ leave <- 1; return nil }})
	truth.Serve()
}}
"""


def _part(number: int) -> str:
    return "\n".join(_part_lines(number))


def _part_lines(number: int) -> Iterator[str]:
    yield f'package part{number}\n\nimport ("errors"; "fmt"; "sort"; "strings")\n'
    for i in range(FUNCTIONS_PER_PACKAGE):
        yield f"""
type Record{i} struct {{ Name string; Values []int; Next *Record{i}; Count int }}

func (r *Record{i}) Handle(text string, n int) (string, error) {{
	if r == nil || n < {i % 7} {{
		return "", errors.New("record{i}: nothing to do with " + text)
	}}
	words := strings.Fields(text)
	sort.Slice(words, func(a, b int) bool {{ return len(words[a])+{i} < len(words[b])*n }})
	for at, word := range words {{
		switch {{
		case strings.HasPrefix(word, "{i:x}"):
			r.Values = append(r.Values, at*{i}+n)
		case len(word) > {3 + i % 9}:
			r.Name += word[:{1 + i % 3}]
		default:
			r.Count++
		}}
	}}
	if r.Next != nil && r.Count%{2 + i % 5} == 0 {{
		return r.Next.Handle(fmt.Sprintf("%s-%d-{i}", r.Name, r.Count), n-1)
	}}
	return fmt.Sprint(r.Name, len(r.Values), {i}), nil
}}"""
    cases = "\n".join(f"\tcase {i}:\n\t\treturn (&Record{i}{{}}).Handle(text, n)" for i in range(FUNCTIONS_PER_PACKAGE))
    yield f"\nfunc Call(i int, text string, n int) (string, error) {{\n\tswitch i {{\n{cases}\n\t}}"
    yield '\treturn "", nil\n}'


def _big(packages: int) -> str:
    imports = "\n".join(f'\t"example.com/targets/part{i}"' for i in range(packages))
    calls = "\n".join(f"\t\tpart{i}.Call(len(os.Args), os.Args[0], i)" for i in range(packages))
    return f"""package main

import (
	"os"

{imports}
	"example.com/targets/truth"
)

var never = make(chan int)

func park() {{ <-never }}

func main() {{
	for i := 0; i < 100; i++ {{
		go park()
	}}
	for i := range os.Args[1:] {{
{calls}
	}}
	truth.Serve()
}}
"""
