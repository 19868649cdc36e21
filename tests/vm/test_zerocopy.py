"""Zero-copy through an XDP socket, in guests whose virtio_net supports it."""

from __future__ import annotations

import pytest
from tests.vm.conftest import started

NEWER = {"guests_suite": "forky", "guests_nic": "virtio-net-pci"}
"""virtio_net sends without a copy from Linux 6.13 on."""


@pytest.fixture
def newer_guests(play, tmp_path, monkeypatch):
    """Start two guests with a newer kernel; returns a function that runs a playbook on them."""
    monkeypatch.setenv("LINERATE_GUESTS", str(tmp_path / "running"))
    with started(play, **NEWER) as run:
        yield run


def test_packets_are_sent_without_a_copy_and_no_program_stays(newer_guests):
    """Also after SIGKILL to the sender: tests/vm/zerocopy.yml."""
    done = newer_guests("tests/vm/zerocopy.yml")
    assert done.rc == 0, done.stdout
