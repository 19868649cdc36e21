"""The command line: ``linerate pcap``, ``parse``, ``report``, ``compare``."""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
from collections.abc import Sequence
from typing import Any, TextIO

from .. import __version__
from . import compare as cli_compare
from . import parse as cli_parse
from . import pcap as cli_pcap
from . import report as cli_report

EXIT_FAILED, EXIT_INTERRUPTED, EXIT_PIPE_CLOSED = 1, 130, 141
"""The last two are those of a shell for SIGINT and SIGPIPE."""


class Parser(argparse.ArgumentParser):
    """A parser that does not hide that its help could not be written."""

    def _print_message(self, message: str, file: Any = None) -> None:
        print(message, end="", file=file or sys.stderr)


def parser() -> argparse.ArgumentParser:
    """The arguments; each command sets ``run``, which returns the exit status."""
    arguments = Parser(
        prog="linerate", description="Create pcaps, parse tcpreplay's statistics, report on runs and compare them."
    )
    arguments.add_argument("--version", action="version", version=f"linerate {__version__}")
    commands = arguments.add_subparsers(title="commands", required=True, metavar="COMMAND")
    for command in (cli_pcap, cli_parse, cli_report, cli_compare):
        command.add_parser(commands)
    return arguments


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns its exit status. Output that cannot be written is one line and status 1."""
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
    return EXIT_FAILED


def _discard(stream: TextIO) -> None:
    """Let what is left in a buffer go nowhere; the interpreter would fail to write it when it ends."""
    with contextlib.suppress(OSError, ValueError):
        descriptor = stream.fileno()
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, descriptor)
        os.close(null)


if __name__ == "__main__":
    sys.exit(main())
