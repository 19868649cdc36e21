"""``linerate completion``: a script that completes commands and options in a shell."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from .common import GOOD, examples

if TYPE_CHECKING:
    Subparsers = argparse._SubParsersAction[argparse.ArgumentParser]

SHELLS = ("bash", "zsh", "tcsh")


def add_parser(subparsers: Subparsers) -> None:
    """Register the command."""
    parser = subparsers.add_parser(
        "completion",
        help="print a script for the completion of a shell",
        description="Print a script that completes the commands and options of linerate in a shell.",
        epilog=examples(
            "linerate completion bash > ~/.local/share/bash-completion/completions/linerate",
            "linerate completion zsh > ~/.zfunc/_linerate",
        ),
    )
    parser.add_argument("shell", choices=SHELLS, help="the shell")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print the script."""
    import shtab

    print(shtab.complete(args.parser, args.shell))
    return GOOD
