"""Copy a part of this package to a host: a module, and all modules of the package that it imports."""

from __future__ import annotations

import ast
import importlib.util
from collections.abc import Iterator
from importlib.machinery import ModuleSpec
from typing import Any

from ..errors import HostError

PACKAGE = "linerate"
"""The name of the copy; here the package may have another one, such as ansible.module_utils.linerate."""


def core_files(module: str) -> dict[str, bytes]:
    """The source files that ``module`` needs, by their path next to each other on the host.

    ``module`` is a full name, as ``__name__`` has it here. The needed modules follow from the import statements, so
    the result does not depend on what this process imported; the sources come from Python's own loaders, which also
    read the zip file that Ansible ships.
    """
    top = __name__.rpartition(".packages.")[0]
    files: dict[str, bytes] = {}
    known: set[str] = set()
    names = [module]
    while names:
        name = names.pop()
        if name in known or not f"{name}.".startswith(f"{top}."):
            continue
        known.add(name)
        spec = importlib.util.find_spec(name)
        if spec is None:
            raise HostError("module", name, "cannot be found", "Install linerate again.")
        source = _source(spec)
        path = f"{PACKAGE}{name[len(top) :]}".replace(".", "/")
        files[f"{path}/__init__.py" if _is_package(spec) else f"{path}.py"] = source.encode()
        names += [name.rpartition(".")[0], *_imported(source, spec)]
    return files


def _source(spec: ModuleSpec) -> str:
    loader: Any = spec.loader
    source: str | None = loader.get_source(spec.name)
    return source or ""


def _is_package(spec: ModuleSpec) -> bool:
    return spec.submodule_search_locations is not None


def _imported(source: str, spec: ModuleSpec) -> Iterator[str]:
    """The modules that the relative imports in ``source`` name; the core has no others of its own."""
    package = spec.name if _is_package(spec) else spec.name.rpartition(".")[0]
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom) and node.level:
            base = importlib.util.resolve_name("." * node.level + (node.module or ""), package)
            yield base
            found = importlib.util.find_spec(base)
            if found and _is_package(found):
                names = (f"{base}.{alias.name}" for alias in node.names)
                yield from (name for name in names if importlib.util.find_spec(name))
