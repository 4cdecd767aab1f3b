"""Exporters that run inside a gateway: files, OTLP, Pyroscope. Whoever writes another one: flarego.Exporter."""

from __future__ import annotations

from flarego.config.exporter import ExporterSettings
from flarego.formats.exporter import Exporter

__all__ = ["new_exporter"]


def new_exporter(settings: ExporterSettings) -> Exporter:
    """Return the exporter that is meant. Raises FlareError when it cannot work."""
    match settings.kind:
        case "file":
            from flarego.gateway.exporters.file import FileExporter

            return FileExporter(settings)
        case "otlp":
            from flarego.gateway.exporters.push import otlp

            return otlp(settings)
        case _:
            from flarego.gateway.exporters.push import pyroscope

            return pyroscope(settings)
