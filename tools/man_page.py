"""The parser of the command line for argparse-manpage (`make man`), with the examples of all commands as a section.

argparse-manpage leaves out the epilogs of subcommands, and fills that of the command itself like prose.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator

from linerate.cli.main import parser


def parser_with_examples() -> argparse.ArgumentParser:
    """The parser; ``_manpage`` is where argparse-manpage finds further sections."""
    whole = parser()
    lines = [line for epilog in epilogs(whole) for line in epilog.splitlines()[1:]]
    escaped = (line.strip().replace("\\", "\\e").replace("-", "\\-") for line in lines)
    whole._manpage = [{"heading": "EXAMPLES", "content": "\n".join([".nf", *escaped, ".fi"])}]  # type: ignore[attr-defined]
    whole.epilog = None
    return whole


def epilogs(whole: argparse.ArgumentParser) -> Iterator[str]:
    """The epilogs of the command and of its subcommands."""
    yield whole.epilog or ""
    for action in whole._actions:
        if isinstance(action, argparse._SubParsersAction):
            for command in action.choices.values():
                yield command.epilog or ""
