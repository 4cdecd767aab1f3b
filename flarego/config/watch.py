"""How to watch one process: the settings of `attach`, `record` and the like."""

from __future__ import annotations

from dataclasses import dataclass

LISTEN = "127.0.0.1:4317"
BUDGET = 0.01
"""CPU that watching may cost, as a fraction of one core."""
MAX_SCAN_HZ = 100.0
MAX_ONCPU_HZ = 999.0
"""Not 1,000: a rate that beats with the target's own timers would see the same moment of them again and again."""


@dataclass(frozen=True, slots=True)
class Settings:
    """How to watch one process."""

    listen: str = LISTEN
    open_page: bool = False
    rate: float = 0.0
    """Hz; 0 adapts to the budget."""
    budget: float = BUDGET
    """CPU, as a fraction of one core."""
    duration: float | None = None
    """Seconds; None: until somebody ends it."""
    engine: str = "auto"
