"""Have a host rebuild netmap by itself at the first boot of a new kernel: the unit, the code it runs, the recipe."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ...errors import HostError
from ...system.files import write_whole
from ...system.run import Completed, Runner
from .rebuild import RECIPE, Recipe

UNIT = "linerate-netmap.service"
UNIT_FILE = f"etc/systemd/system/{UNIT}"
ENABLED = f"etc/systemd/system/multi-user.target.wants/{UNIT}"
CODE_FOLDER = "usr/local/lib/linerate"
"""Below the root folder, as the others; holds the package linerate, as far as the rebuild needs it."""

_UNIT = f"""\
[Unit]
Description=netmap for the running kernel, built where there is none yet
ConditionPathExists=/{RECIPE}
# Which interfaces are in use is known then.
Wants=network-online.target
After=network-online.target

[Service]
Type=oneshot
RemainAfterExit=yes
Environment=PYTHONPATH=/{CODE_FOLDER} PYTHONDONTWRITEBYTECODE=1
ExecStart=/usr/bin/python3 -m linerate.packages.netmap.rebuild
# configure builds about a hundred small modules to learn the kernel's interfaces.
TimeoutStartSec=3h

[Install]
WantedBy=multi-user.target
"""


def core_files() -> dict[str, bytes]:
    """The source of each module of this core that is imported now, by its path below the folder of code.

    So what the host keeps is what this very process runs, from whatever place Python took it.
    """
    core = __name__.rpartition(".packages.netmap.")[0]
    files = {}
    for name, module in sorted(sys.modules.items()):
        if name == core or name.startswith(f"{core}."):
            path = f"linerate{name[len(core) :]}".replace(".", "/")
            path += "/__init__.py" if hasattr(module, "__path__") else ".py"
            loader: Any = module.__spec__.loader if module.__spec__ else None
            files[path] = str(loader.get_source(name)).encode()
    return files


def set_up(
    recipe: Recipe, code: Mapping[str, bytes], run: Runner, check: bool = False, root: str = "/"
) -> tuple[str, ...]:
    """Have the unit enabled, with ``code`` and ``recipe``, and seen to end well now; the steps that were needed."""
    wanted = {f"{CODE_FOLDER}/{name}": content for name, content in code.items()}
    wanted.update({RECIPE: recipe.as_json(), UNIT_FILE: _UNIT.encode()})
    write = [name for name, content in wanted.items() if _content(Path(root, name)) != content]
    remove = [path for path in _code(root) if str(path.relative_to(root)) not in wanted]
    steps = [*(f"write /{name}" for name in write), *(f"remove /{path.relative_to(root)}" for path in remove)]
    commands: list[tuple[str, ...]] = [("systemctl", "daemon-reload")] if UNIT_FILE in write else []
    if not Path(root, ENABLED).is_symlink():
        commands.append(("systemctl", "enable", UNIT))
    if steps or run(["systemctl", "is-active", UNIT]).stdout.strip() != "active":
        commands.append(("systemctl", "restart", UNIT))
    if not check:
        for name in write:
            Path(root, name).parent.mkdir(parents=True, exist_ok=True)
            write_whole(Path(root, name), wanted[name])
        for path in remove:
            path.unlink()
        for command in commands:
            _expect_success(run(command), run)
    return (*steps, *(" ".join(command) for command in commands))


def take_down(run: Runner, check: bool = False, root: str = "/") -> tuple[str, ...]:
    """Have nothing of it on the host; the steps that were needed."""
    commands = [("systemctl", "disable", "--now", UNIT)] if Path(root, ENABLED).is_symlink() else []
    files = [path for path in (Path(root, UNIT_FILE), Path(root, RECIPE), *_code(root)) if path.exists()]
    if not check:
        for command in commands:
            _expect_success(run(command), run)
        for path in files:
            path.unlink()
        _remove_empty(Path(root, CODE_FOLDER))
        _remove_empty(Path(root, RECIPE).parent)
    reload = [("systemctl", "daemon-reload")] if Path(root, UNIT_FILE) in files else []
    if reload and not check:
        _expect_success(run(reload[0]), run)
    steps = [*(" ".join(command) for command in commands), *(f"remove /{path.relative_to(root)}" for path in files)]
    return (*steps, *(" ".join(command) for command in reload))


def _code(root: str) -> list[Path]:
    return sorted(path for path in Path(root, CODE_FOLDER).rglob("*") if path.is_file())


def _content(path: Path) -> bytes | None:
    return path.read_bytes() if path.is_file() else None


def _remove_empty(folder: Path) -> None:
    """Remove ``folder`` with the folders in it, from the innermost on, as far as they are empty."""
    if folder.is_dir():
        for path in folder.iterdir():
            _remove_empty(path)
        if not any(folder.iterdir()):
            folder.rmdir()


def _expect_success(done: Completed, run: Runner) -> None:
    if done.returncode != 0:
        log = run(["journalctl", "--unit", UNIT, "--lines", "1", "--output", "cat"]).stdout
        said = " ".join((log or done.stderr or done.stdout).split())
        raise HostError("command", " ".join(done.argv), f"ended with {done.returncode}: {said}", "Mend the cause.")
