"""``linerate run``, ``plan``, ``throughput``: the project's playbooks, from any folder."""

from __future__ import annotations

import argparse
import json
import os
import shlex
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from types import FrameType
from typing import TYPE_CHECKING, Any

from ..errors import HostError, InputError, LinerateError
from .common import FAILED, GOOD, NOT_RUN, examples, failed, home

if TYPE_CHECKING:
    Subparsers = argparse._SubParsersAction[argparse.ArgumentParser]

PLAYBOOK = "ansible-playbook"
_STATUS = (
    "Exit status: 0 every run passed, 1 a trial is not valid or a limit of benchmark_expect is not kept, 2 unusable "
    "arguments, 3 a playbook could not run."
)
_HOW = "Variables, inventory and options are those of ansible-playbook, which does the same without this command: "


@dataclass(frozen=True)
class Command:
    """A command that plays ``playbook`` with ``options``."""

    name: str
    playbook: str
    help: str
    description: str
    examples: tuple[str, ...]
    options: tuple[str, ...] = ()


COMMANDS = (
    Command(
        "run",
        "site.yml",
        "set up the hosts, run the trials and report them",
        "Set up the hosts of the inventory, run the trials of the scenario and write the report. " + _HOW + "site.yml.",
        (
            "linerate run",
            "linerate run -i inventory/my-bench -e benchmark_repeats=5",
            "linerate run --scenario reference --json",
            "linerate run -- -vv",
        ),
    ),
    Command(
        "plan",
        "site.yml",
        "show what run would do, without changing or sending anything",
        "Show the trials with their commands, and what would be changed on the hosts. " + _HOW + "site.yml --check.",
        ("linerate plan", "linerate plan --scenario rfc2544 -i inventory/my-bench"),
        ("--check",),
    ),
    Command(
        "throughput",
        "playbooks/throughput.yml",
        "search for the throughput of a device (RFC 2544)",
        "Search for the throughput (RFC 1242) of the device between sender and receiver, for the frame sizes of RFC "
        "2544, with the method of RFC 9971. " + _HOW + "playbooks/throughput.yml.",
        ("linerate throughput -i inventory/my-bench", "linerate throughput --scenario rfc2544"),
    ),
)


def add_parser(subparsers: Subparsers) -> None:
    """Register the commands."""
    for command in COMMANDS:
        parser = subparsers.add_parser(
            command.name,
            help=command.help,
            description=f"{command.description} {_STATUS}",
            epilog=examples(*command.examples),
        )
        add = parser.add_argument
        add("-i", "--inventory", action="append", default=[], metavar="INVENTORY", help="inventory (default: the lab)")
        add(
            "-e",
            "--extra-vars",
            action="append",
            default=[],
            metavar="VARS",
            help="role variables: NAME=VALUE, or @FILE",
        )
        add("-l", "--limit", metavar="HOSTS", help="only these hosts, and those that they need")
        add("--scenario", metavar="NAME", help="variables of scenarios/NAME.yml of the project, or of the file NAME")
        add("--json", action="store_true", help="print the outcome as one JSON object, and all else on standard error")
        add("options", nargs="*", metavar="-- OPTION", help="further options of ansible-playbook")
        parser.set_defaults(run=run, command=command)


def run(args: argparse.Namespace) -> int:
    """Play the playbook; the exit status follows from the outcome of every run that was reported."""
    command: Command = args.command
    try:
        project = home()
        with TemporaryDirectory(prefix="linerate-") as private:
            outcomes = Path(private, "outcomes.jsonl")
            argv = [*_options(args, project), "-e", json.dumps({"report_outcomes": str(outcomes)})]
            status = play(project, command.playbook, argv, Path(private, "runner"), sys.stderr if args.json else None)
            found = [json.loads(line) for line in outcomes.read_text().splitlines()] if outcomes.exists() else []
    except LinerateError as error:
        return failed(command.name, error)
    passed = status == 0 and all(outcome["passed"] for outcome in found)
    if args.json:
        print(json.dumps({"passed": passed, "playbook_status": status, "runs": found}, indent=2))
    if passed:
        return GOOD
    return FAILED if any(not outcome["passed"] for outcome in found) else NOT_RUN


def _options(args: argparse.Namespace, project: Path) -> list[str]:
    command: Command = args.command
    options = [option for name in args.inventory for option in ("-i", str(_inventory(name, project)))]
    if args.scenario:
        options += ["-e", f"@{_scenario(args.scenario, project)}"]
    options += [option for given in args.extra_vars for option in ("-e", given)]
    options += ["--limit", args.limit] if args.limit else []
    return [*options, *command.options, *args.options]


def _inventory(name: str, project: Path) -> str | Path:
    """``name``, or that inventory of the project where only this one exists."""
    return project / name if not Path(name).exists() and (project / name).exists() else name


def _scenario(name: str, project: Path) -> Path:
    for path in (Path(name), project / "scenarios" / f"{name}.yml"):
        if path.is_file():
            return path.resolve()
    known = ", ".join(sorted(path.stem for path in (project / "scenarios").glob("*.yml")))
    raise InputError("--scenario", name, "is neither a file nor a scenario of the project", f"Use one of {known}.")


def play(project: Path, playbook: str, options: Sequence[str], private: Path, output: Any = None) -> int:
    """Run a playbook with ansible-runner; returns the exit status of ansible-playbook.

    ansible-playbook has this process' terminal, so that its callback plugins can draw on it. ``private`` is a folder
    for ansible-runner. HostError where there is no ansible-playbook.
    """
    # Imported late: it takes longer to import than other commands take to run.
    from ansible_runner.interface import init_command_config

    executable = Path(sys.executable).parent / PLAYBOOK
    if not executable.exists():
        raise HostError(PLAYBOOK, str(executable), "does not exist", "Install linerate with `make setup`.")
    private.mkdir()
    runner = init_command_config(
        str(executable),
        cmdline_args=[str(project / playbook), *options],
        private_data_dir=str(private),
        # Without one, ansible-runner would take the terminal away.
        input_fd=sys.stdin or os.open(os.devnull, os.O_RDONLY),
        output_fd=output or sys.stdout,
        error_fd=sys.stderr,
    )
    # ansible-runner replaces the callback of ansible.cfg with its own; the user's environment is to count.
    runner.config.env = {
        **os.environ,
        "ANSIBLE_CONFIG": str(project / "ansible.cfg"),
        "LC_ALL": "C.UTF-8",
        # What the callback suggests to run again.
        "LINERATE_COMMAND": shlex.join(sys.argv),
        "PATH": f"{executable.parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
    }
    runner.config.cwd = os.getcwd()
    sys.stdout.flush()
    with _signals_for_the_child() as received:
        runner.run()
    if signal.SIGINT in received:
        raise KeyboardInterrupt
    return int(runner.rc)


@contextmanager
def _signals_for_the_child() -> Iterator[list[int]]:
    """Let ansible-playbook end by itself: a terminal sends it SIGINT, too, and SIGTERM is passed on.

    Yields the signals that were received.
    """
    received: list[int] = []

    def wait(number: int, _: FrameType | None) -> None:
        received.append(number)
        if number == signal.SIGTERM:
            for child in Path(f"/proc/self/task/{os.getpid()}/children").read_text(encoding="ascii").split():
                os.kill(int(child), signal.SIGTERM)

    before = {number: signal.signal(number, wait) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield received
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
