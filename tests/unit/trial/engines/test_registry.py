"""The registry of engines: an unknown name is one clear error, and a new engine is one registration."""

from __future__ import annotations

import pytest

from linerate.errors import InputError
from linerate.trial.engines import registry
from linerate.trial.engines.netmap.engine import NetmapEngine
from linerate.trial.engines.registry import engine, engine_of, engines, register
from linerate.trial.engines.tcpreplay import KernelEngine
from linerate.trial.engines.xdp.engine import XdpEngine
from linerate.trial.model import SendMethod


def test_the_engines_are_kernel_netmap_and_xdp():
    assert list(engines()) == ["kernel", "netmap", "xdp"]
    assert isinstance(engine("kernel"), KernelEngine)
    assert isinstance(engine("netmap"), NetmapEngine)
    assert isinstance(engine("xdp"), XdpEngine)


@pytest.mark.parametrize("name", ["warp", "", "Kernel", "netmap-native"])
def test_an_unknown_engine_is_one_clear_error(name):
    with pytest.raises(InputError) as refused:
        engine(name)
    assert str(refused.value) == f"engine {name!r}: must be one of kernel, netmap, xdp. Correct benchmark_engines."


def test_a_registered_engine_is_found_by_its_name(monkeypatch: pytest.MonkeyPatch):
    class Other(KernelEngine):
        name = "other"

    monkeypatch.setattr(registry, "_ENGINES", dict(engines()))
    register(Other())
    assert list(engines()) == ["kernel", "netmap", "xdp", "other"]
    assert isinstance(engine("other"), Other)
    with pytest.raises(InputError, match="must be one of kernel, netmap, xdp, other"):
        engine("warp")


@pytest.mark.parametrize("processes", [0, 2, -1])
def test_more_processes_than_the_engine_has_are_one_clear_error(processes: int):
    with pytest.raises(InputError) as refused:
        engine_of(SendMethod("netmap", processes=processes))
    rule = "is not a number of processes that netmap can send with: 1 to 1"
    assert str(refused.value) == f"processes {processes}: {rule}. Correct the scenario's send methods."


def test_an_engine_with_several_processes_takes_as_many_as_it_says(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(KernelEngine, "max_processes", 4)
    assert engine_of(SendMethod("kernel", processes=4)) is engine("kernel")
    with pytest.raises(InputError, match="1 to 4"):
        engine_of(SendMethod("kernel", processes=5))
