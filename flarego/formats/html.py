"""The dashboard and a recording as one HTML file that needs no server and no network.

A page opened from `file://` may import no modules by address. So every module of the page travels as a `data:` URL in
an import map, its relative imports renamed to names of that map; the stylesheets become one; the recording is a clip in
base64 in an inert script, which static/core/session.js looks for. The page's own policy allows just that, and no
connection. A bundler would do the same, with a tool to install.
"""

from __future__ import annotations

import base64
import hashlib
import html
import json
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from flarego.formats.recording import Recording
from flarego.wire.clip import ClipWriter

STATIC = Path(__file__).resolve().parents[1] / "static"
_MAIN = "main.js"
_IMPORT = re.compile(r'^((?:import\s+|(?:import|export)\s[^;"\'=()]*?\sfrom\s+)")(\.{1,2}/[^"]+)(")', re.MULTILINE)
_CSS_IMPORT = re.compile(r'@import url\("([^"]+)"\);\n?')
_CSS_URL = re.compile(r'url\("([^"]+)"\)')
_BLOCK = 3 << 16
"""Bytes turned into base64 at once: a multiple of three, so that the pieces can be joined."""


def export(recording: Recording, out: BinaryIO) -> None:
    """Write the page with everything recorded in the span; what to leave out is chosen in it. Raises ClipError."""
    name = f"{recording.process.name or 'clip'}-{recording.process.pid}"
    before, after = _page(f"{name} · FlareGo").split(_PLACE)
    out.write(before.encode())
    inert = f'<script type="application/octet-stream" id="flarego-clip" data-name="{html.escape(name)}.fgo">'
    out.write(inert.encode())
    with tempfile.TemporaryFile() as clip:
        _write_clip(recording, clip)
        clip.seek(0)
        while block := clip.read(_BLOCK):
            out.write(base64.b64encode(block))
    out.write(b"</script>\n" + after.encode())


def _write_clip(recording: Recording, file: BinaryIO) -> None:
    writer = ClipWriter(file)
    for message in recording.clip.messages(recording.process.process, recording.start, recording.end):
        writer.write(message)
    writer.close()


_PLACE = "<!-- recording -->"


def _page(title: str) -> str:
    """Return index.html with all it links to inside it, and a mark where the recording goes."""
    style = _style()
    imports = json.dumps({"imports": dict(_modules())})
    start = f'import "{_name(_MAIN)}";'
    policy = (
        "default-src 'none'; img-src data:; base-uri 'none'; form-action 'none'; "
        f"style-src {_hash(style)}; script-src data: {_hash(imports)} {_hash(start)}"
    )
    charset = '<meta charset="utf-8">'
    parts = {
        charset: f'{charset}\n<meta http-equiv="Content-Security-Policy" content="{policy}">',
        "<title>FlareGo</title>": f"<title>{html.escape(title)}</title>",
        'href="icon.svg"': f'href="{_data_url("icon.svg", "image/svg+xml")}"',
        '<link rel="stylesheet" href="style.css">': f"<style>{style}</style>",
        f'<script type="module" src="{_MAIN}"></script>\n': f'<script type="importmap">{imports}</script>\n',
        "</body>": f'{_PLACE}<script type="module">{start}</script>\n</body>',
    }
    page = _read("index.html")
    for old, new in parts.items():
        if page.count(old) != 1:
            raise AssertionError(f"index.html has changed: {old} is in it {page.count(old)} times")
        page = page.replace(old, new)
    return page


def _modules() -> Iterator[tuple[str, str]]:
    """Yield name and `data:` URL of every module that the page needs, found by following imports."""
    found, waiting = {_MAIN}, [_MAIN]
    while waiting:
        path = waiting.pop()

        def rename(match: re.Match[str], path: str = path) -> str:
            target = _beside(path, match[2])
            if target not in found:
                found.add(target)
                waiting.append(target)
            return f"{match[1]}{_name(target)}{match[3]}"

        source = _IMPORT.sub(rename, _read(path))
        yield _name(path), f"data:text/javascript;base64,{base64.b64encode(source.encode()).decode()}"


def _style() -> str:
    """Return all stylesheets as one. Their pictures are inside."""

    def whole(path: str) -> str:
        text = _CSS_IMPORT.sub(lambda match: whole(_beside(path, match[1])), _read(path))
        return _CSS_URL.sub(lambda match: _picture(path, match), text)

    return whole("style.css")


def _picture(path: str, match: re.Match[str]) -> str:
    return match[0] if match[1].startswith("data:") else f'url("{_data_url(_beside(path, match[1]), "image/svg+xml")}")'


def _data_url(path: str, kind: str) -> str:
    return f"data:{kind};base64,{base64.b64encode(_read(path).encode()).decode()}"


def _beside(path: str, relative: str) -> str:
    """Return the path below STATIC that `relative` means in the file at `path`."""
    return (STATIC / path).parent.joinpath(relative).resolve().relative_to(STATIC).as_posix()


def _name(path: str) -> str:
    """Return what a module is called in the import map."""
    return f"flarego/{path}"


def _read(path: str) -> str:
    return (STATIC / path).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    """Return what a Content-Security-Policy calls an inline script or style."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
