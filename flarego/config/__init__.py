"""What can be set, and what it is unless somebody sets it.

Settings are frozen dataclasses whose fields are the one table: each has its default, kind and help, and its name makes
the flag (--retention-bytes), the environment variable (FLAREGO_GATEWAY_RETENTION_BYTES) and the key of the TOML file
(retention_bytes under [gateway]). A flag goes before the environment, that before the file, that before the default;
every value knows where it came from. Secrets are never values: settings name files that hold them.
"""

from __future__ import annotations

from flarego.config.agent import AgentSettings
from flarego.config.gateway import GatewaySettings
from flarego.config.load import Loaded, load
from flarego.config.watch import BUDGET, LISTEN, MAX_ONCPU_HZ, MAX_SCAN_HZ, Settings

__all__ = [
    "BUDGET",
    "LISTEN",
    "MAX_ONCPU_HZ",
    "MAX_SCAN_HZ",
    "AgentSettings",
    "GatewaySettings",
    "Loaded",
    "Settings",
    "load",
]
