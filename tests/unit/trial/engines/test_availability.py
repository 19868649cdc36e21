"""Which engines and adapters a host has, and why not."""

from __future__ import annotations

from pathlib import Path

import pytest

from linerate.trial.engines.base import XDP_ATTACH_OK, SenderHost, availability
from linerate.trial.engines.registry import engines


def reasons(root: Path, interface: str = "ens4", features: frozenset[str] = frozenset({"netmap"})) -> dict:
    found = availability(engines(), SenderHost(interface, features, str(root)))
    return {name: reason for name, reason in found.items() if not name.startswith("xdp")}


def zerocopy(root: Path, *features: str) -> str | None:
    return availability(engines(), SenderHost("ens4", frozenset(features), str(root)))["xdp-zerocopy"]


def test_xdp_needs_a_transmit_queue(root):
    found = availability(engines(), SenderHost("ens4", root=str(root)))
    assert found["xdp"] == "not available on this host: ens4 has no transmit queue 0"
    assert found["xdp-copy"] is None


def test_zero_copy_needs_permission_and_a_driver_that_has_it(root):
    """This machine has no ens4, so its kernel says nothing, as kernels before 6.3 do."""
    no_driver = "not available on this host: ens4: its driver has no zero-copy for XDP sockets"
    assert [zerocopy(root), zerocopy(root, XDP_ATTACH_OK)] == [no_driver, no_driver]
    (root / "sys/module/e1000").rename(root / "sys/module/ixgbe")
    module = root / "sys/class/net/ens4/device/driver/module"
    module.unlink()
    module.symlink_to(root / "sys/module/ixgbe")
    assert str(zerocopy(root)).endswith("permit it by linerate_xdp_attach_ok")
    assert zerocopy(root, XDP_ATTACH_OK) is None


def test_a_host_with_a_patched_driver_has_every_send_method(patched):
    assert reasons(patched) == {"kernel": None, "netmap": None, "netmap-native": None, "netmap-emulated": None}


def test_without_a_patched_driver_the_native_adapter_is_not_available(root):
    assert reasons(root) == {
        "kernel": None,
        "netmap": None,
        "netmap-native": "not available on this host: ens4: its driver e1000 is not patched for netmap",
        "netmap-emulated": None,
    }
    assert reasons(root, "veth0")["netmap-native"].endswith("veth0: it has no driver to patch")


@pytest.mark.parametrize(
    ("given", "missing", "reason"),
    [
        ({"features": frozenset()}, None, "tcpreplay is built without netmap"),
        ({"interface": "lo"}, None, "the loopback interface has no netmap adapter"),
        ({}, "dev/netmap", "the netmap module is not loaded"),
        ({}, "proc/modules", "the kernel has no loadable modules"),
    ],
)
def test_netmap_as_a_whole_is_not_available(patched, given, missing, reason):
    if missing:
        (patched / missing).unlink()
    found = reasons(patched, **given)
    assert found["netmap"] == f"not available on this host: {reason}"
    assert found["kernel"] is None
