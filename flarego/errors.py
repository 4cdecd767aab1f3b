"""Every typed error: what happened, what to do about it, and the exit code it ends the program with.

    FlareError                    1
    ├─ TargetError                3   nothing to attach to
    │  ├─ NoSuchProcess           3
    │  ├─ AmbiguousTarget         3
    │  ├─ NotAttachable           4   not Go, 32-bit, zombie, kernel thread
    │  └─ ProcessGone             5   exited, or replaced its program with exec
    ├─ PermissionRefused          6   this user may not look at that process
    ├─ UnsupportedGo              7   a Go version or layout nobody has verified
    ├─ CorruptBinary              8   the executable contradicts itself
    ├─ MemoryFault                8   an address that should be mapped is not
    ├─ ListenFailed               9   port in use, address not ours
    ├─ BadSettings               10   a setting that is unknown, impossible or unsafe
    └─ of the wire, clips and formats, beside the code that raises them:
       BadMessage, BadRows, ClipError, ClipTooNew 8; ClipWriteFailed 1; NothingThere 3

Exit code 2 is click's: the command line could not be parsed. 130 is Ctrl-C.
A class exists only where a caller branches on it or its exit code differs.
"""

from __future__ import annotations


class FlareError(Exception):
    """An error a user can read: one sentence that says what happened, and a remedy."""

    exit_code = 1
    usual_remedy: str | None = None
    """The remedy of an error that names none of its own."""

    def __init__(self, message: str, *, remedy: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy or self.usual_remedy


class TargetError(FlareError):
    exit_code = 3
    usual_remedy = "`flarego ps` lists the Go processes that can be attached to"


class NoSuchProcess(TargetError):
    """No process matches what the user typed."""


class AmbiguousTarget(TargetError):
    """More than one process matches; the message lists them."""


class NotAttachable(TargetError):
    """The process exists and can never be attached to: not Go, 32-bit, zombie, kernel thread."""

    exit_code = 4


class ProcessGone(TargetError):
    """The process exited, or replaced its program with exec."""

    exit_code = 5
    usual_remedy = "attach again when it runs; `flarego attach --wait` waits for it"


class PermissionRefused(FlareError):
    exit_code = 6


class UnsupportedGo(FlareError):
    """The Go version is not in the table, has no DWARF, or its layout failed validation."""

    exit_code = 7


class CorruptBinary(FlareError):
    exit_code = 8
    usual_remedy = "restart the process from an intact build; if it is one, please report this"


class MemoryFault(FlareError):
    """An address that had to be readable was not."""

    exit_code = 8
    usual_remedy = "try again; if it stays, please report it with the Go version and how the program was built"


class ListenFailed(FlareError):
    exit_code = 9


class BadSettings(FlareError):
    """What was set is unknown, impossible, or less safe than was asked for."""

    exit_code = 10
    usual_remedy = "`flarego gateway --check` prints every setting, and where it came from"
