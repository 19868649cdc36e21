"""A build of each product."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.unit.packages.bench import Bench, NetmapBench, TcpreplayBench, kernel_headers

from linerate.packages.netmap import build as netmap_build


@pytest.fixture
def netmap(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> NetmapBench:
    # This machine need not have the headers of that kernel; of these only the version is used.
    headers = str(kernel_headers(tmp_path / "headers"))
    monkeypatch.setattr(netmap_build, "headers_of", lambda kernel: headers)
    return NetmapBench(tmp_path)


@pytest.fixture
def tcpreplay(tmp_path: Path) -> TcpreplayBench:
    return TcpreplayBench(tmp_path)


@pytest.fixture(params=["netmap", "tcpreplay"])
def bench(request: pytest.FixtureRequest) -> Bench:
    """A test that uses this runs for every product."""
    return request.getfixturevalue(request.param)
