"""The engines that linerate has. A new one is a class of its own and one registration here."""

from __future__ import annotations

from collections.abc import Mapping

from ...errors import InputError
from .base import Engine
from .netmap.engine import NetmapEngine
from .tcpreplay import KernelEngine

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


for _one in (KernelEngine(), NetmapEngine()):
    register(_one)
