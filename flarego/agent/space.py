"""Whether a process's memory is still the one we know."""

from __future__ import annotations

import os


class AddressSpace:
    """A process's memory as it is now: it is over when the process exits, or replaces its program (exec).

    /proc/PID/mem stays bound to the address space it was opened on. Afterwards it reads as empty, whatever the address;
    before, nothing is mapped at address 0 and reading it fails. (Not documented; seen on Linux 6.18.)
    """

    def __init__(self, pid: int) -> None:
        """Raises ProcessLookupError, PermissionError, OSError."""
        try:
            self._fd = os.open(f"/proc/{pid}/mem", os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            raise ProcessLookupError(pid) from None

    def is_over(self) -> bool:
        try:
            return not os.pread(self._fd, 1, 0)
        except OSError:
            return False

    def close(self) -> None:
        os.close(self._fd)
