"""What the commands share: exit statuses, errors, help, and where the project and its results are."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from ..errors import InputError, LinerateError

GOOD, FAILED, USAGE, NOT_RUN = 0, 1, 2, 3
"""Exit statuses: success; a trial, a gate or a statistic failed; unusable arguments; the command could not run."""

HOME = "LINERATE_HOME"
"""The environment variable that names the checkout, where the package was not installed from it."""


class Formatter(argparse.HelpFormatter):
    """Help whose examples keep their lines."""

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        if text.startswith("Examples:"):
            return "\n".join(indent + line for line in text.splitlines())
        return super()._fill_text(text, width, indent)


def examples(*lines: str) -> str:
    """The epilog of a command's help."""
    return "\n".join(["Examples:", *(f"  {line}" for line in lines)])


def failed(command: str, error: LinerateError) -> int:
    """Print the one line of ``error``; returns the exit status."""
    print(f"linerate {command}: {error}", file=sys.stderr)
    return USAGE if isinstance(error, InputError) else NOT_RUN


def home() -> Path:
    """The checkout of the project: LINERATE_HOME, else where this package is. InputError if that is none."""
    named = os.environ.get(HOME)
    folder = Path(named) if named else Path(__file__).resolve().parents[3]
    if not (folder / "site.yml").is_file():
        raise InputError(HOME, str(folder), "is not a checkout of linerate: it has no site.yml", f"Set {HOME} to one.")
    return folder.resolve()


def add_results(parser: argparse.ArgumentParser) -> None:
    """Add --results, the folder in which runs are found."""
    parser.add_argument(
        "--results", metavar="DIR", type=Path, help="folder of the runs (default: results of the project)"
    )


def results_of(args: argparse.Namespace) -> Path:
    """The folder of the runs."""
    given: Path | None = args.results
    return home() / "results" if given is None else given
