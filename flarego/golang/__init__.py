"""What a Go binary and its runtime say about themselves, read from outside.

`attach(pid)` needs no symbols, no debug information and no section headers: the function table is known by its magic,
the module data by pointing at it, the runtime's variables by what its code refers to, and all of it is checked against
the live process before it is believed. Rejected: asking the symbol table or DWARF first. Production images have
neither, and two ways of finding the same thing are two ways of being wrong; DWARF is read only for a version that the
shipped table lacks.
"""

from flarego.golang.process import GoProcess, attach

__all__ = ["GoProcess", "attach"]
