"""The imports of the core: no Ansible, Python 3.9, no third-party code on targets, and one order of packages."""

from __future__ import annotations

import ast
import graphlib
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

CORE = Path(__file__).parents[2] / "src/linerate"
FILES = sorted(CORE.rglob("*.py"))
ON_THE_CONTROLLER = {"results", "search", "controller", "report", "console", "cli"}
ON_TARGETS = [path for path in FILES if path.relative_to(CORE).parts[0] not in ON_THE_CONTROLLER]
NOT_STANDARD_LIBRARY = {"pcap/template.py": {"scapy"}}
LAYERS = (
    {"__init__", "errors", "units", "validate", "clock", "record"},
    {"system"},
    {"nic"},
    {"pcap"},
    {"receiver"},
    {"tcpreplay"},
    {"netmap"},
    {"xdp"},
    {"packages"},
    {"tuning"},
    {"lab"},
    {"trial"},
    {"results"},
    {"search"},
    {"controller"},
    {"report"},
    {"console"},
    {"cli"},
)
"""A package imports only itself and packages of earlier layers."""
LAYER_OF = {package: number for number, packages in enumerate(LAYERS) for package in packages}

Module = tuple[str, ...]
"""The path of a module below the core, without suffix."""


def imported(path: Path) -> set[str]:
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            names.add(node.module.partition(".")[0])
    return names


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(CORE)))
def test_core_imports_neither_ansible_nor_itself_by_name(path):
    assert not imported(path) & {"ansible", "ansible_runner", "linerate"}


@pytest.mark.parametrize("path", ON_TARGETS, ids=lambda path: str(path.relative_to(CORE)))
def test_code_for_targets_needs_the_standard_library_only(path):
    allowed = set(sys.stdlib_module_names) | NOT_STANDARD_LIBRARY.get(str(path.relative_to(CORE)), set())
    assert imported(path) <= allowed


def python39() -> str | None:
    versions = sorted(Path.home().glob(".pyenv/versions/3.9.*/bin/python3.9"))
    return str(versions[-1]) if versions else shutil.which("python3.9")


@pytest.mark.skipif(python39() is None, reason="no Python 3.9 on this machine")
def test_code_for_targets_is_importable_by_python_3_9():
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


def module_of(path: Path) -> Module:
    return path.relative_to(CORE).with_suffix("").parts


MODULES = {module_of(path): path for path in FILES}


def module_named(name: Module) -> Module:
    """The module that ``name`` stands for: a package for its ``__init__``, a name in a module for that module."""
    for candidate in (name, (*name, "__init__"), name[:-1], (*name[:-1], "__init__")):
        if candidate in MODULES:
            return candidate
    raise AssertionError(f"{'.'.join(name)} is not in the core")


def core_imports(path: Path) -> set[Module]:
    """The modules of the core that a file imports, anywhere in it."""
    package = module_of(path)[:-1]
    modules = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.level:
            parent = package[: len(package) + 1 - node.level]
            source = (*parent, *node.module.split(".")) if node.module else parent
            modules |= {module_named((*source, alias.name)) for alias in node.names}
    return modules


def test_every_package_is_in_a_layer():
    assert {module[0] for module in MODULES} == LAYER_OF.keys()


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(CORE)))
def test_packages_import_earlier_layers_only(path):
    layer = LAYER_OF[module_of(path)[0]]
    above = {".".join(module) for module in core_imports(path) if LAYER_OF[module[0]] > layer}
    assert above == set()


def test_no_import_cycles():
    graph = {module: core_imports(path) - {module} for module, path in MODULES.items()}
    graphlib.TopologicalSorter(graph).prepare()


def test_imports_of_every_form_are_found():
    assert ("system", "run") in core_imports(CORE / "nic/read.py")
    assert ("units",) in core_imports(CORE / "pcap/spec.py")
    assert ("__init__",) in core_imports(CORE / "cli/main.py")
