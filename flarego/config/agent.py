"""What can be set of the agent."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import ClassVar

from flarego.config.kind import BYTES, FILE, FLAG, NUMBER, TEXT, Kind, choice, matching, several
from flarego.config.table import setting, table
from flarego.config.watch import BUDGET, LISTEN, MAX_ONCPU_HZ

_GATEWAY = matching(
    r"(\[[0-9A-Fa-f:.%a-z]{2,64}\]|[A-Za-z0-9._-]{1,253})(:\d{1,5})?",
    "HOST:PORT",
    "write HOST:PORT, as gateway.example:4317 or [fd00::7]:4317",
)
_NAMESPACE = matching(r"[a-z0-9]([a-z0-9._-]{0,62})", "NAME", "write a name of a-z 0-9 . _ - of at most 63 characters")
_LABEL = matching(r"[^=\s]{1,128}=.{0,512}", "KEY=VALUE", "write KEY=VALUE, of at most 128 and 512 characters")


def _between(metavar: str, least: float, most: float) -> Kind:
    def parse(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = -1.0
        if not least <= value <= most:
            raise ValueError(f"write a number from {least:g} to {most:g}")
        return value

    return Kind(metavar, parse, (int, float), lambda value: f"{value:g}")


what = partial(setting, group="Which processes")
how = partial(setting, group="How they are watched")
where = partial(setting, group="Where it is sent")
kept = partial(setting, group="While the gateway cannot be reached")
told = partial(setting, group="What the agent tells of itself")


@dataclass(frozen=True)
class AgentSettings:
    """Which processes an agent watches, and where to it sends what it sees."""

    SECTION: ClassVar[str] = "agent"

    pid: tuple[int, ...] = what((), "A process to watch; may be given again.", several(NUMBER))
    name: tuple[str, ...] = what(
        (), "Watch every process of this name, now and to come: api, 'api*'; may be given again.", several(TEXT)
    )
    all: bool = what(False, "Watch every Go process that may be read, as they come and go.", FLAG)
    max_processes: int = what(200, "Of them at most so many at a time.", NUMBER)

    budget: float = how(100 * BUDGET, "CPU that watching a process may cost, in per cent of one core.",
                        _between("PCT", 0.05, 100))  # fmt: skip
    rate: float = how(0.0, "Fix the rate of on-CPU samples and scans; 0 goes by the budget.",
                      _between("HZ", 0, MAX_ONCPU_HZ))  # fmt: skip
    engine: str = how("auto", "How running goroutines are sampled; auto takes the best that is permitted.",
                      choice("auto", "perf", "ptrace", "memory"))  # fmt: skip
    label: tuple[str, ...] = how((), "Say this of every process; may be given again.", several(_LABEL))
    labels_file: Path | None = how(
        None, "File with the labels of the agent's own pod (Kubernetes' downward API); else /etc/podinfo/labels.", FILE
    )

    gateway: tuple[str, ...] = where(
        (LISTEN,), "The gateway, HOST:PORT; of several one is taken, another when that fails.", several(_GATEWAY)
    )
    namespace: str | None = where(None, "The namespace to be in; else the token's, or default.", _NAMESPACE)
    token_file: Path | None = where(None, "File with the token to show; read again when it changes.", FILE)
    tls: bool = where(False, "Use TLS with a gateway on this machine, too; with others it is always used.", FLAG)
    plaintext: bool = where(False, "Use no TLS: whoever is on the way can read everything, the token too.", FLAG)
    ca: Path | None = where(None, "Certificates to trust, PEM; else the system's.", FILE)
    cert: Path | None = where(None, "Certificate to show (mutual TLS), PEM.", FILE)
    key: Path | None = where(None, "Its private key, PEM.", FILE)
    server_name: str | None = where(None, "Name that the gateway's certificate must be for, if not HOST.")
    compression: str = where("zstd", "How what is sent is packed.", choice("zstd", "none"))

    spool_memory: int = kept(8 << 20, "Bytes of one process to keep in memory.", BYTES)
    spool_memory_total: int = kept(32 << 20, "Bytes of all.", BYTES)
    spool: Path | None = kept(None, "Directory to keep more in; what is there outlives the agent.", FILE)
    spool_bytes: int = kept(1 << 30, "Bytes of all to keep there.", BYTES)

    health: str | None = told(None, "Serve /healthz, /readyz and /metrics at HOST:PORT.")
    log_format: str = told("text", "How the log is written.", choice("text", "json"))
    log_level: str = told("info", "How much is logged.", choice("debug", "info", "warning", "error"))

    def validate(self) -> Iterator[str]:
        """Yield what does not go together."""
        if self.tls and self.plaintext:
            yield "--tls and --plaintext exclude each other"
        if self.plaintext and (self.ca or self.cert or self.server_name):
            yield "--ca, --cert and --server-name are for TLS, and --plaintext says there is none"
        if bool(self.cert) != bool(self.key):
            yield "--cert and --key go together"
        if not self.gateway:
            yield "--gateway names none"
        if self.spool_memory < 1 << 16 or self.spool_memory_total < self.spool_memory:
            yield "--spool-memory should be 64KiB or more, and --spool-memory-total no less than that"


def packed(settings: AgentSettings) -> str:
    """Return what differs from the defaults, as JSON."""
    said = {one.name: getattr(settings, one.name) for one in table(AgentSettings)}
    return json.dumps({one.name: said[one.name] for one in table(AgentSettings) if said[one.name] != one.default},
                      default=str)  # fmt: skip


def unpacked(text: str) -> AgentSettings:
    """Return the settings that were packed. Raises ValueError."""
    said = json.loads(text)
    for one in table(AgentSettings):
        if one.name in said:
            value = said[one.name]
            said[one.name] = tuple(value) if one.kind.many else Path(value) if one.kind is FILE else value
    return AgentSettings(**said)
