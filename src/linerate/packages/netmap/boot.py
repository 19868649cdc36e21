"""Make a host rebuild netmap by itself at the first boot of a new kernel: the unit, its program, and its settings."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from ...errors import HostError
from ...system.files import write_whole
from ...system.run import Completed, Runner
from ..core_files import core_files
from .rebuild import SETTINGS, Settings

UNIT = "linerate-netmap.service"
UNIT_FILE = f"etc/systemd/system/{UNIT}"
ENABLED = f"etc/systemd/system/multi-user.target.wants/{UNIT}"
CODE_FOLDER = "usr/local/lib/linerate"
"""Below the root folder, as the others; Python runs this folder as a program."""

_MAIN = b"""\
import sys

from linerate.packages.netmap.rebuild import main

sys.exit(main(*sys.argv[1:]))
"""

_UNIT = f"""\
[Unit]
Description=netmap for the running kernel, built when it is missing
ConditionPathExists=/{SETTINGS}
# The interfaces in use are known only then.
Wants=network-online.target
After=network-online.target

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/usr/bin/python3 -I -B /{CODE_FOLDER}
# configure builds about a hundred small modules to examine the kernel's interfaces.
TimeoutStartSec=3h

[Install]
WantedBy=multi-user.target
"""


def program_files() -> dict[str, bytes]:
    """The files of the program that rebuilds, by their path below the code folder."""
    return {"__main__.py": _MAIN, **core_files(f"{__name__.rpartition('.')[0]}.rebuild")}


def set_up(
    settings: Settings, program: Mapping[str, bytes], run: Runner, check: bool = False, root: str = "/"
) -> tuple[str, ...]:
    """Install the unit with ``program`` and ``settings``, enable it, and run it once; the steps that were needed."""
    files = {f"{CODE_FOLDER}/{name}": content for name, content in program.items()}
    files.update({SETTINGS: settings.as_json(), UNIT_FILE: _UNIT.encode()})
    write = [name for name, content in files.items() if _content(Path(root, name)) != content]
    remove = [path for path in _code(root) if str(path.relative_to(root)) not in files]
    steps = [*(f"write /{name}" for name in write), *(f"remove /{path.relative_to(root)}" for path in remove)]
    commands: list[tuple[str, ...]] = [("systemctl", "daemon-reload")] if UNIT_FILE in write else []
    if not Path(root, ENABLED).is_symlink():
        commands.append(("systemctl", "enable", UNIT))
    if steps or run(["systemctl", "is-active", UNIT]).stdout.strip() != "active":
        commands.append(("systemctl", "restart", UNIT))
    if not check:
        for name in write:
            Path(root, name).parent.mkdir(parents=True, exist_ok=True)
            write_whole(Path(root, name), files[name])
        for path in remove:
            path.unlink()
        for command in commands:
            _check_success(run(command), run)
    return (*steps, *(" ".join(command) for command in commands))


def take_down(run: Runner, check: bool = False, root: str = "/") -> tuple[str, ...]:
    """Remove the unit, its program and its settings; the steps that were needed."""
    commands = [("systemctl", "disable", "--now", UNIT)] if Path(root, ENABLED).is_symlink() else []
    files = [path for path in (Path(root, UNIT_FILE), Path(root, SETTINGS), *_code(root)) if path.exists()]
    if not check:
        for command in commands:
            _check_success(run(command), run)
        for path in files:
            path.unlink()
        _remove_empty(Path(root, CODE_FOLDER))
        _remove_empty(Path(root, SETTINGS).parent)
    reload = [("systemctl", "daemon-reload")] if Path(root, UNIT_FILE) in files else []
    if reload and not check:
        _check_success(run(reload[0]), run)
    steps = [*(" ".join(command) for command in commands), *(f"remove /{path.relative_to(root)}" for path in files)]
    return (*steps, *(" ".join(command) for command in reload))


def _code(root: str) -> list[Path]:
    return sorted(path for path in Path(root, CODE_FOLDER).rglob("*") if path.is_file())


def _content(path: Path) -> bytes | None:
    return path.read_bytes() if path.is_file() else None


def _remove_empty(folder: Path) -> None:
    """Remove ``folder`` and the folders in it, as far as they are empty."""
    if folder.is_dir():
        for path in folder.iterdir():
            _remove_empty(path)
        if not any(folder.iterdir()):
            folder.rmdir()


def _check_success(done: Completed, run: Runner) -> None:
    if done.returncode != 0:
        log = run(["journalctl", "--unit", UNIT, "--lines", "1", "--output", "cat"]).stdout
        output = " ".join((log or done.stderr or done.stdout).split())
        rule = f"ended with {done.returncode}: {output}"
        raise HostError("command", " ".join(done.argv), rule, "Fix the cause and run again.")
