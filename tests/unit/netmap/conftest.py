"""The simulated host that netmap is installed on."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.unit.packages.netmap.conftest import Host


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(tmp_path / "root")
