from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A host with netmap loaded, ens4 with the driver e1000, and veth0 without a driver."""
    for folder in ("proc", "dev", "sys/module/e1000", "sys/class/net/ens4/device/driver", "sys/class/net/veth0"):
        (tmp_path / folder).mkdir(parents=True)
    for file in ("proc/modules", "dev/netmap"):
        (tmp_path / file).touch()
    (tmp_path / "sys/class/net/ens4/device/driver/module").symlink_to(tmp_path / "sys/module/e1000")
    return tmp_path


@pytest.fixture
def patched(root: Path) -> Path:
    """The same host with a driver that is patched for netmap."""
    (root / "sys/module/netmap/holders/e1000").mkdir(parents=True)
    return root
