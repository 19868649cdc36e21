"""The command line: ``linerate pcap``, ``parse``, ``report``, ``compare``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from .. import __version__
from . import compare as cli_compare
from . import parse as cli_parse
from . import pcap as cli_pcap
from . import report as cli_report


def parser() -> argparse.ArgumentParser:
    """The arguments; each command sets ``run``, which returns the exit status."""
    arguments = argparse.ArgumentParser(
        prog="linerate", description="Create pcaps, parse tcpreplay's statistics, report on runs and compare them."
    )
    arguments.add_argument("--version", action="version", version=f"linerate {__version__}")
    commands = arguments.add_subparsers(title="commands", required=True, metavar="COMMAND")
    for command in (cli_pcap, cli_parse, cli_report, cli_compare):
        command.add_parser(commands)
    return arguments


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns its exit status."""
    given = parser().parse_args(argv)
    try:
        return int(given.run(given))
    except BrokenPipeError:
        # The reader of our output has closed the pipe, as head does.
        sys.stderr.close()
        return 141


if __name__ == "__main__":
    sys.exit(main())
