"""The command line: ``linerate`` with its commands."""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
from collections.abc import Sequence
from typing import Any, TextIO

from .. import __version__
from . import compare as cli_compare
from . import completion as cli_completion
from . import parse as cli_parse
from . import pcap as cli_pcap
from . import play as cli_play
from . import report as cli_report
from . import runs as cli_runs
from .common import NOT_RUN, Formatter, examples

EXIT_INTERRUPTED, EXIT_PIPE_CLOSED = 130, 141
"""Those of a shell for SIGINT and SIGPIPE."""


class Parser(argparse.ArgumentParser):
    """A parser that does not hide that its help could not be written, and keeps the lines of examples."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **{"formatter_class": Formatter, **options})

    def _print_message(self, message: str, file: Any = None) -> None:
        print(message, end="", file=file or sys.stderr)


def parser() -> argparse.ArgumentParser:
    """The arguments; each command sets ``run``, which returns the exit status. ``parser`` is this whole parser."""
    arguments = Parser(
        prog="linerate",
        description="Measure what a Linux traffic generator really sends and what arrives: set up the hosts, run "
        "trials, report and compare them. Exit status: 0 good, 1 a trial, a limit or a statistic failed, 2 unusable "
        "arguments, 3 the command could not run. Every command works from any folder; LINERATE_HOME names the "
        "checkout if the package was not installed from it.",
        epilog=examples("linerate plan", "linerate run", "linerate show", "linerate compare previous latest"),
    )
    arguments.set_defaults(parser=arguments)
    arguments.add_argument("--version", action="version", version=f"linerate {__version__}")
    commands = arguments.add_subparsers(title="commands", required=True, metavar="COMMAND")
    for command in (cli_play, cli_runs, cli_compare, cli_report, cli_pcap, cli_parse, cli_completion):
        command.add_parser(commands)
    return arguments


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns its exit status. Output that cannot be written is one line and status 3."""
    if sys.stderr is None:
        # print() would write to standard output instead.
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115, it stays open
    if sys.stdout is None:
        return _failed("standard output: is closed. Redirect it to a file or a pipe.")
    try:
        try:
            given = parser().parse_args(argv)
            return int(given.run(given))
        finally:
            sys.stdout.flush()
    except BrokenPipeError:
        # The reader of our output has closed the pipe, as head does.
        _discard(sys.stdout)
        return EXIT_PIPE_CLOSED
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    except UnicodeEncodeError as error:
        shown = error.object[error.start : error.end].encode("unicode_escape").decode()
        return _failed(f"standard output: {error.encoding} cannot encode {shown}. Set LC_ALL=C.UTF-8.")
    except OSError as error:
        subject = "standard output" if error.filename is None else str(error.filename)
        return _failed(f"{subject}: cannot be written: {error.strerror}. Use a place that is writable and has room.")


def _failed(reason: str) -> int:
    """Print one line on stderr, if that can be written; returns the exit status."""
    with contextlib.suppress(OSError):
        print(f"linerate: {reason}", file=sys.stderr, flush=True)
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            _discard(stream)
    return NOT_RUN


def _discard(stream: TextIO) -> None:
    """Let what is left in a buffer go nowhere; the interpreter would fail to write it when it ends."""
    with contextlib.suppress(OSError, ValueError):
        descriptor = stream.fileno()
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, descriptor)
        os.close(null)


if __name__ == "__main__":
    sys.exit(main())
