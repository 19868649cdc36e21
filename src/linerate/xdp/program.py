"""The AF_XDP sender as one file that Python runs: its modules and those that they import, in a zip archive.

Ansible provides the core to a module in an archive of its own, which is gone with the module; the sender is a process
that anyone can start again with the same command.
"""

from __future__ import annotations

import ast
import hashlib
import io
import sys
import zipfile
from functools import cache
from importlib.util import find_spec, resolve_name
from pathlib import Path

from ..errors import HostError
from ..system.files import write_whole
from . import sender

FOLDER = "/run/linerate/programs"
NAME = "linerate-xdp.pyz"
PACKAGE = "linerate"
MAIN = f"import sys\nfrom {PACKAGE}.xdp.sender import main\nsys.exit(main(sys.argv[1:]))\n"
_ROOT = sender.__name__.rpartition(".xdp.")[0]
_SAME_DATE = (1980, 1, 1, 0, 0, 0)


@cache
def content() -> bytes:
    """The archive; equal for equal sources."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file:
        for name, source in sorted({**_sources(), "__main__.py": MAIN}.items()):
            file.writestr(zipfile.ZipInfo(name, _SAME_DATE), source, zipfile.ZIP_DEFLATED)
    return archive.getvalue()


@cache
def path() -> str:
    """Where the program is on a sender. Each version has a folder of its own, as others may be running."""
    return f"{FOLDER}/{hashlib.sha256(content()).hexdigest()[:12]}/{NAME}"


def command(arguments: list[str]) -> list[str]:
    """The command that runs the program, by the Python that runs this code."""
    return [sys.executable, "-I", path(), *arguments]


def install(root: str = "/") -> None:
    """Write the program where it does not exist yet. HostError where this user may not."""
    place = Path(root, path().lstrip("/"))
    if place.exists():
        return
    try:
        place.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        write_whole(place, content())
    except OSError as error:
        raise HostError("program", str(place), f"cannot be written: {error.strerror}", "Run as root.") from error


def _sources() -> dict[str, str]:
    """The sender's module and all of this package that it imports, by their paths in the archive."""
    found: dict[str, str] = {}
    wanted = [sender.__name__]
    seen = set()
    while wanted:
        name = wanted.pop()
        if name in seen or not name.startswith(_ROOT):
            continue
        seen.add(name)
        module = _read(name)
        if module is None:
            continue
        source, package = module
        inside = "/".join([PACKAGE, *name[len(_ROOT) + 1 :].split(".")]).rstrip("/")
        found[f"{inside}/__init__.py" if package == name else f"{inside}.py"] = source
        wanted += [name.rpartition(".")[0], *_imported(source, package)]
    return found


def _read(name: str) -> tuple[str, str] | None:
    """The source of a module and the name of its package; None where ``name`` is something in a module."""
    try:
        spec = find_spec(name)
    except ModuleNotFoundError:
        return None
    # An archive's loader (zipimport) is not registered as an InspectLoader.
    read = getattr(spec and spec.loader, "get_source", None)
    if spec is None or read is None:
        return None
    is_package = spec.submodule_search_locations is not None
    return read(spec.name) or "", name if is_package else name.rpartition(".")[0]


def _imported(source: str, package: str) -> list[str]:
    names = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom) and node.level:
            module = resolve_name("." * node.level + (node.module or ""), package)
            names += [module, *(f"{module}.{alias.name}" for alias in node.names)]
    return names
