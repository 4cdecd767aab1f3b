"""The page's reader of clips against damaged ones; `node fuzz_clip.mjs` runs for as long as wanted."""

from __future__ import annotations

import subprocess
from pathlib import Path

from browser.recorded import record

HERE = Path(__file__).resolve().parent


def test_a_damaged_clip_is_an_error_with_words_in_the_page(tmp_path: Path) -> None:
    clip = record(tmp_path / "tiny.fgo", 3)
    done = subprocess.run(
        ["node", str(HERE / "fuzz_clip.mjs"), str(clip), "4"], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert "no other error" in done.stdout
