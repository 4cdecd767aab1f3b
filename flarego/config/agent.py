"""What can be set of the agent."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from flarego.config.table import setting


@dataclass(frozen=True)
class AgentSettings:
    """How an agent watches, and where to it sends."""

    SECTION: ClassVar[str] = "agent"

    gateway: str = setting("127.0.0.1:4317", "Where the gateway listens, HOST:PORT.")
