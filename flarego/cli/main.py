"""The `flarego` command: verbs are imported when they are used, errors are caught once."""

from __future__ import annotations

import errno
import importlib
import os
import sys
import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import NoReturn

import click

from flarego.errors import FlareError

_VERBS: Mapping[str, str] = {
    "attach": "Show, live in the browser, what every goroutine of a running process is doing.",
    "top": "Show in the terminal, live, what every goroutine of a running process is doing.",
    "record": "Record what every goroutine of a running process does into a clip.",
    "replay": "Show recorded clips as if they were live, or print what they come to.",
    "diff": "Tell what changed from one clip to another.",
    "ps": "List the processes that can be attached to.",
    "dump": "Print every goroutine once, in the layout of Go's own debug=2 text.",
    "doctor": "Say what this machine and user permit, and the remedy for what they do not.",
    "demo": "Build the bundled Go service, run it under load and attach to it.",
    "export": "Write a clip as pprof, collapsed stacks, speedscope, Perfetto, Firefox profiler, SVG, HTML or JSON.",
    "import": "Make a clip of another tool's profile: pprof, collapsed stacks, speedscope, a goroutine dump.",
    "agent": "Watch processes and send what is seen to a gateway.",
    "gateway": "Take what agents send, keep it for a while, and show it to those who may see it.",
    "token": "Create, list and revoke the tokens with which people and programs use a gateway.",
    "audit": "Tell whether a gateway's audit log is whole.",
    "version": "Print the version.",
}
_MODULES: Mapping[str, str] = {"import": "import_"}
"""Of verbs that are words of Python."""
_EXIT_CODES = """\b
Exit codes:
  0  done, or ended by Ctrl-C or --duration
  1  an error without a code of its own
  2  the command line could not be understood
  3  no such process, or more than one; nothing in a clip that was asked for
  4  a process that can never be attached to: not Go, 32-bit, zombie, kernel thread
  5  the process exited, or replaced its program
  6  not permitted
  7  a Go version or layout that is not known
  8  a corrupt executable or file
  9  cannot listen on that address
  10  a setting that is unknown, impossible or unsafe
  130  Ctrl-C before there was anything to show
FLAREGO_DEBUG=1 adds a traceback to any error.
"""


class Verbs(click.Group):
    """A group whose commands lie in modules of their own, imported on use."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _VERBS:
            return None
        command: click.Command = importlib.import_module(f"flarego.cli.{_MODULES.get(cmd_name, cmd_name)}").command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List verbs without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl(list(_VERBS.items()))


@click.group(cls=Verbs, epilog=_EXIT_CODES, context_settings={"help_option_names": ["-h", "--help"]})
def flarego() -> None:
    """See, live, what every goroutine of a running process is doing: running, runnable, blocked and on what.

    Nothing is added to the target and nothing is stopped.
    """


def main() -> NoReturn:
    """Run the command line and exit."""
    if sys.stdout is None:  # closed by whoever started us (>&-)
        sys.stdout = Path(os.devnull).open("w")  # noqa: SIM115
    sys.stdout.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    sys.exit(_run())


def _run() -> int:
    """Run the command line and return its exit code; every error is told here, once."""
    try:
        code = flarego.main(standalone_mode=False)
        sys.stdout.flush()
        return code if isinstance(code, int) else 0
    except click.ClickException as e:
        e.show()
        return e.exit_code
    except (click.Abort, KeyboardInterrupt):
        return 130
    except FlareError as e:
        return _tell(e, e.message, e.remedy, e.exit_code)
    except BrokenPipeError:  # whoever read our output has left
        _abandon_output()
        return 0
    except OSError as e:
        if e.errno in (errno.ENOSPC, errno.EDQUOT, errno.EIO) and e.filename is None:
            _abandon_output()
            return _tell(e, f"could not write the output: {e.strerror}", "make room, or write somewhere else", 1)
        return _tell_bug(e)
    except Exception as e:
        return _tell_bug(e)


def _tell_bug(e: Exception) -> int:
    remedy = "please report this with what it prints when run again with FLAREGO_DEBUG=1"
    return _tell(e, f"a bug: {type(e).__name__}: {e}", remedy, 1)


def _tell(e: Exception, message: str, remedy: str | None, code: int) -> int:
    """Print an error; what strangers named must not control the terminal."""
    if os.environ.get("FLAREGO_DEBUG"):
        traceback.print_exception(e)
    click.echo(_plain(f"flarego: {message}"), err=True)
    if remedy:
        click.echo(_plain(f"remedy: {remedy}"), err=True)
    return code


def _plain(text: str) -> str:
    return "".join(char if char.isprintable() or char == "\n" else "\N{REPLACEMENT CHARACTER}" for char in text)


def _abandon_output() -> None:
    """Keep Python from complaining about what it cannot write when it exits."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
