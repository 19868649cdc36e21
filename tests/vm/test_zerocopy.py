"""Trials by an XDP socket without a copy: guests with a kernel whose virtio_net has that, with a NIC of virtio."""

from __future__ import annotations

import pytest

NEWER = {"guests_suite": "forky", "guests_nic": "virtio-net-pci"}
"""virtio_net sends without a copy from Linux 6.13 on."""


@pytest.fixture
def newer_guests(play, tmp_path, monkeypatch):
    """Start two guests of their own; returns a function that runs a playbook on them."""
    monkeypatch.setenv("LINERATE_GUESTS", str(tmp_path / "running"))

    def run(playbook: str, **variables: object):
        return play(playbook, "--inventory inventory/vm", **NEWER, **variables)

    try:
        up = run("playbooks/vm_up.yml")
        assert up.rc == 0, up.stdout
        yield run
    finally:
        down = run("playbooks/vm_down.yml")
    assert down.rc == 0, down.stdout


def test_packets_are_sent_without_a_copy_and_no_program_stays(newer_guests):
    """Also after SIGKILL to the sender: tests/vm/zerocopy.yml."""
    done = newer_guests("tests/vm/zerocopy.yml")
    assert done.rc == 0, done.stdout
