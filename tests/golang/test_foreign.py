"""Code that is not Go is named after where it comes from."""

from __future__ import annotations

import ctypes
import os

from flarego.golang.foreign import ForeignCode
from flarego.model.frame import UNKNOWN


def test_a_pc_in_a_c_library_is_named_after_the_library() -> None:
    address = ctypes.cast(ctypes.CDLL(None).getpid, ctypes.c_void_p).value
    assert address is not None
    frame = ForeignCode(os.getpid()).frame(address)
    assert frame.function.startswith("[libc")
    assert "/" in frame.file


def test_a_pc_in_nothing_is_unknown() -> None:
    assert ForeignCode(os.getpid()).frame(8) == UNKNOWN
