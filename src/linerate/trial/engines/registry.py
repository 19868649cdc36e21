"""The engines that linerate has. A new one is a class of its own and one registration here."""

from __future__ import annotations

from collections.abc import Mapping

from ...errors import InputError
from ..model import SendMethod
from .base import Engine
from .netmap.engine import NetmapEngine
from .tcpreplay import KernelEngine
from .xdp.engine import XdpEngine

_ENGINES: dict[str, Engine] = {}


def register(engine: Engine) -> None:
    """Add ``engine`` to those that send methods name."""
    _ENGINES[engine.name] = engine


def engines() -> Mapping[str, Engine]:
    """All engines by name, in the order of their registration."""
    return dict(_ENGINES)


def engine(name: str) -> Engine:
    """The engine of that name. InputError names those that there are."""
    if name not in _ENGINES:
        raise InputError("engine", name, f"must be one of {', '.join(_ENGINES)}", "Correct benchmark_engines.")
    return _ENGINES[name]


def engine_of(method: SendMethod) -> Engine:
    """The engine of ``method``. InputError where there is none, or where it cannot send with so many processes."""
    found = engine(method.engine)
    if not 1 <= method.processes <= found.max_processes:
        rule = f"is not a number of processes that {method.engine} can send with: 1 to {found.max_processes}"
        raise InputError("processes", method.processes, rule, "Correct the scenario's send methods.")
    return found


for _one in (KernelEngine(), NetmapEngine(), XdpEngine()):
    register(_one)
