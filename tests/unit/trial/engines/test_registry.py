"""The registry of engines: an unknown name is one clear error, and a new engine is one registration."""

from __future__ import annotations

import pytest

from linerate.errors import InputError
from linerate.trial.engines import registry
from linerate.trial.engines.netmap.engine import NetmapEngine
from linerate.trial.engines.registry import engine, engines, register
from linerate.trial.engines.tcpreplay import KernelEngine


def test_the_engines_are_kernel_and_netmap():
    assert list(engines()) == ["kernel", "netmap"]
    assert isinstance(engine("kernel"), KernelEngine)
    assert isinstance(engine("netmap"), NetmapEngine)


@pytest.mark.parametrize("name", ["warp", "", "Kernel", "netmap-native"])
def test_an_unknown_engine_is_one_clear_error(name):
    with pytest.raises(InputError) as refused:
        engine(name)
    assert str(refused.value) == f"engine {name!r}: must be one of kernel, netmap. Correct benchmark_engines."


def test_a_registered_engine_is_found_by_its_name(monkeypatch: pytest.MonkeyPatch):
    class Other(KernelEngine):
        name = "other"

    monkeypatch.setattr(registry, "_ENGINES", dict(engines()))
    register(Other())
    assert list(engines()) == ["kernel", "netmap", "other"]
    assert isinstance(engine("other"), Other)
    with pytest.raises(InputError, match="must be one of kernel, netmap, other"):
        engine("warp")
