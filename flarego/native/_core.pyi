"""The C core's typed face. `flarego.native` re-exports all of it."""

from collections.abc import Mapping, Sequence
from typing import TypedDict

class Memory:
    """Another process's address space, read only, by process_vm_readv; pid 0 is an image of segments (tests)."""

    def __init__(self, pid: int) -> None: ...
    pid: int
    def add_file(self, start: int, end: int, fd: int, offset: int) -> None:
        """Serve [start, end) from an open file (dup'ed). Raises ValueError when it overlaps another segment."""
    def add_bytes(self, start: int, data: bytes) -> None: ...
    def read(self, address: int, size: int) -> bytes:
        """All `size` bytes. Raises OSError with errno EFAULT, ESRCH or EPERM."""
    def read_some(self, address: int, size: int) -> bytes:
        """What is readable from address on, at most size; b"" when nothing is. Raises OSError for ESRCH, EPERM."""
    def read_spans(self, spans: Sequence[tuple[int, int]]) -> list[bytes | None]:
        """One system call per 1,024 spans; None for a span that could not be read whole."""

class Function:
    """One entry of Go's function table."""

    entry: int
    end: int
    address: int
    module: int
    name_offset: int
    pcsp: int
    pcfile: int
    pcln: int
    cu_offset: int
    start_line: int
    func_id: int
    flag: int
    n_pcdata: int
    n_funcdata: int

# (text, etext, min_pc, max_pc, ftab, n_ftab, pclntab, pclntab_end, func_base, pctab, func_size, gofunc, quantum)
Module = tuple[int, int, int, int, int, int, int, int, int, int, int, int, int]

class Tables:
    """Go's function tables of all modules of a binary, read through a Memory. Malformed tables raise ValueError."""

    def __init__(self, memory: Memory, modules: Sequence[Module]) -> None: ...
    def find(self, pc: int) -> Function | None: ...
    def value(self, function: Function, offset: int, pc: int) -> int | None:
        """The pc-value stream at `offset` (function.pcsp, .pcfile, .pcln) at pc; None when there is none."""
    def pcdata(self, function: Function, index: int, pc: int) -> int:
        """PCDATA table `index` at pc; -1 when the function has none."""
    def funcdata(self, function: Function, index: int) -> int:
        """Address of FUNCDATA `index`; 0 when there is none."""
    def functions(self, module: int) -> tuple[bytes, bytes]:
        """All functions of a module: (u64 entry[n], i32 name_offset[n]), in address order."""
    def set_special(self, name: str, entry: int) -> None:
        """Tell the unwinder where a function it must know is. Names: see SPECIAL_FUNCTIONS."""

SPECIAL_FUNCTIONS: Mapping[str, int]
"""Go function name → number, e.g. "runtime.semacquire1"."""

LAYOUT_FIELDS: Sequence[str]
"""Names the layout mapping given to Sampler must have, e.g. "g.sched.sp", "allgs" (an address)."""

def rip_targets(text: bytes, base: int, low: int, high: int) -> bytes:
    """Sorted distinct u64 addresses in [low, high) that x86-64 code at `base` refers to RIP-relatively."""

class Goroutine(TypedDict):
    """One goroutine of a snapshot. Addresses and pcs are integers; times CLOCK_MONOTONIC nanoseconds, 0 unknown."""

    goid: int
    address: int
    status: int
    reason: int
    wait_since: int
    gopc: int
    startpc: int
    parent: int
    labels: int
    locked: bool
    thread: int
    sleep_until: int
    wait_kind: int
    wait_address: int
    complete: bool
    """The stack was read whole: the walk ended where goroutines begin."""
    walked: int
    """Frames in the stack, those left out of pcs included."""
    pcs: tuple[int, ...]
    """Innermost first. Return addresses (the call is at pc - 1), except those with bit 63 set: exact.
    1 stands for frames left out of a stack of more than 512."""

class Sampler:
    """Watches one process from a thread of its own that never holds the GIL."""

    def __init__(
        self,
        memory: Memory,
        tables: Tables,
        layout: Mapping[str, int],
        *,
        budget: float = 0.01,
        scan_hz: float = 0.0,
        oncpu_hz: float = 0.0,
        engine: str = "auto",
    ) -> None:
        """budget: fraction of one core. A rate of 0 is adaptive. engine: auto, perf, ptrace, memory."""
    def set_system(self, starts: bytes) -> None:
        """Sorted u64 entry pcs of the functions that system goroutines start in."""
    def labels(self, number: int) -> bytes:
        """The label set of that number: (u16 size, bytes) of key, value, key, value …; b"" for 0."""
    def snapshot(self) -> list[Goroutine]: ...
    def start(self) -> None: ...
    def stop(self) -> None: ...
    def drain(self, *, new_generation: bool, epoch: int = 0) -> Drain:
        """What has been added up since the drain before; members' times count from epoch (monotonic ns).
        Raises ProcessLookupError when the target has gone, PermissionError when it may no longer be read."""

class Drain(TypedDict):
    start: int
    end: int
    locations: bytes
    """u64 pc[n]: bit 63 set when the pc is exact and not a return address; new in this generation."""
    nodes_parent: bytes
    nodes_location: bytes
    groups: bytes
    """(u64 gopc, u64 startpc, u64 number of the label set, u64 system)[n]; new in this generation."""
    rows: dict[str, bytes]
    """Columns as in wire/FORMAT.md."""
    members: dict[str, bytes]
    """Columns as in wire/FORMAT.md; empty when there is nothing to tell."""
    waits: list[tuple[int, int, int, int, int, int]]
    """(kind, address, count, longest ns, reason, node); kinds: 1 channel, 2 semaphore, 3 cond, 4 poll, 5 timer."""
    counts: dict[str, int]
    """user goroutines by state name, and "system"."""
    sampler: dict[str, float | int]
    engine: str
    """perf, ptrace or memory."""
    perf_errno: int
    """Why perf is not in use; 0 when it is, or was not asked for. Likewise ptrace_errno."""
    ptrace_errno: int
    sees_kernel: bool
    """perf also counts time in the kernel."""

class Book:
    """Frames and stacks of one process, numbered once for many generations. Numbers never change their meaning."""

    n_frames: int
    n_nodes: int
    size: int
    """Bytes."""
    depth: int
    """Frames of the deepest stack."""
    def frames(self, first: int) -> dict[str, bytes]:
        """Columns of the frames from `first` on: `function`, `file`, `line` u32, `flags` u8."""
    def nodes(self, first: int) -> dict[str, bytes]:
        """Columns of the stacks from `first` on: `parent`, `frame` u32; 0 is the empty stack. A node adds one frame."""
    def add_up(self, weights: bytes) -> bytes:
        """Given an f64 of every stack, return of each the sum over all that begin with it. Raises ValueError."""

class Numbers:
    """What the numbers of one generation stand for in a book."""

    size: int
    def __init__(self, book: Book) -> None: ...
    def define(
        self, strings: bytes, frames: Mapping[str, bytes], locations: Mapping[str, bytes], nodes: Mapping[str, bytes]
    ) -> None:
        """Add what a chunk defines; `strings` u32: what the caller numbers the generation's next strings.

        Raises ValueError when something refers to what is not defined: nothing was added. OverflowError: the
        generation or the book is larger than any we add up.
        """
    def define_groups(self, groups: bytes) -> None:
        """Add groups: u32, what the caller numbers the generation's next groups."""
    def frame(self, number: int) -> int:
        """The book's number of a frame of the generation. Raises ValueError."""
    def nodes(self) -> bytes:
        """The book's number of every stack, u32, the empty one first."""
    def close(self) -> None:
        """Nothing more will be defined; what only definitions need is forgotten."""

class RowTable:
    """Rows added up, by what they mean in a book."""

    size: int
    def add(self, numbers: Numbers, rows: Mapping[str, bytes]) -> None:
        """Add a chunk's rows. Counts are of the chunk that was added last. What is no weight weighs nothing.

        Raises ValueError when one refers to what is not defined, OverflowError when there are too many; then nothing
        was added.
        """
    def merge(self, after: RowTable, numbers: Numbers | None = None) -> None:
        """Add what comes after; numbers: what the numbers of another book stand for in this one. Raises as add."""
    def freeze(self) -> None:
        """Give back what only adding needs."""
    def columns(self) -> dict[str, bytes]:
        """The rows as in wire/FORMAT.md, in the order they came."""
    def __len__(self) -> int: ...
