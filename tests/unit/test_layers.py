"""The core stays what it is: no Ansible, relative imports, Python 3.9, and no third-party code on targets."""

from __future__ import annotations

import ast
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

CORE = Path(__file__).parents[2] / "src/linerate"
FILES = sorted(CORE.rglob("*.py"))
ON_THE_CONTROLLER = {"results", "controller", "report", "cli"}
ON_TARGETS = [path for path in FILES if path.relative_to(CORE).parts[0] not in ON_THE_CONTROLLER]
NOT_STANDARD_LIBRARY = {"pcap/template.py": {"scapy"}}


def imported(path: Path) -> set[str]:
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            names.add(node.module.partition(".")[0])
    return names


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(CORE)))
def test_the_core_imports_neither_ansible_nor_itself_by_name(path):
    assert not imported(path) & {"ansible", "ansible_runner", "linerate"}


@pytest.mark.parametrize("path", ON_TARGETS, ids=lambda path: str(path.relative_to(CORE)))
def test_what_targets_run_needs_the_standard_library_alone(path):
    allowed = set(sys.stdlib_module_names) | NOT_STANDARD_LIBRARY.get(str(path.relative_to(CORE)), set())
    assert imported(path) <= allowed


def python39() -> str | None:
    versions = sorted(Path.home().glob(".pyenv/versions/3.9.*/bin/python3.9"))
    return str(versions[-1]) if versions else shutil.which("python3.9")


@pytest.mark.skipif(python39() is None, reason="no Python 3.9 on this machine")
def test_what_targets_run_is_imported_by_python_3_9():
    modules = [
        ".".join(path.relative_to(CORE.parent).with_suffix("").parts)
        for path in ON_TARGETS
        if str(path.relative_to(CORE)) not in NOT_STANDARD_LIBRARY
    ]
    code = f"import importlib, sys; sys.path.insert(0, {str(CORE.parent)!r})\n" + "\n".join(
        f"importlib.import_module({module!r})" for module in modules
    )
    done = subprocess.run([python39(), "-I", "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
