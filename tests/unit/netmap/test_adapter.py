"""The kind of an adapter, and the evidence for it."""

from __future__ import annotations

import pytest

from linerate.netmap.adapter import read_adapters


def adapter(host, name):
    (found,) = read_adapters([name], host.run, str(host.root))
    return found


def native(host):
    host.loaded(b"")
    host.interface("ens4", "e1000")
    host.depends["e1000"] = "netmap"
    (host.root / "sys/module/netmap/holders/e1000").mkdir(parents=True)


def test_a_patched_driver_is_native(host):
    native(host)
    found = adapter(host, "ens4")
    assert (found.driver, found.kind) == ("e1000", "native")
    assert "/sys/module/netmap/holders/e1000: present" in found.evidence
    assert "modinfo -F depends e1000: netmap" in found.evidence


def test_the_kernels_own_driver_is_emulated(host):
    host.loaded(b"")
    host.interface("ens4", "e1000")
    host.messages = (
        "[   12.1] 000.000001 [ 832] generic_netmap_attach     Emulated adapter for ens4 created\n"
        "[   13.1] 000.000001 [ 832] generic_netmap_attach     Emulated adapter for ens40 created\n"
    )
    found = adapter(host, "ens4")
    assert found.kind == "emulated"
    assert "/sys/module/netmap/holders/e1000: absent" in found.evidence
    assert [line for line in found.evidence if line.startswith("dmesg: ")] == [
        "dmesg: 000.000001 [ 832] generic_netmap_attach     Emulated adapter for ens4 created"
    ]


def test_a_patched_file_on_disk_does_not_prove_native(host):
    """The stock driver may have been loaded first, from the initramfs."""
    host.loaded(b"")
    host.interface("ens4", "e1000")
    host.depends["e1000"] = "netmap"
    assert adapter(host, "ens4").kind == "emulated"


@pytest.mark.parametrize(("admode", "kind"), [("0", "native"), ("1", "native"), ("2", "emulated")])
def test_admode_may_force_a_native_driver_to_be_emulated(host, admode, kind):
    native(host)
    host.put("sys/module/netmap/parameters/admode", admode)
    assert adapter(host, "ens4").kind == kind


def test_no_adapter_when_native_is_forced_without_a_patched_driver(host):
    host.loaded(b"", admode="1")
    host.interface("ens4", "e1000")
    assert adapter(host, "ens4").kind == "none"


def test_no_adapter_without_the_module_without_the_interface_and_on_lo(host):
    host.interface("ens4", "e1000")
    assert adapter(host, "ens4").evidence[-1] == "the netmap module is not loaded"
    assert adapter(host, "ens9").evidence == ("interface ens9 does not exist",)
    host.loaded(b"")
    host.interface("lo", None)
    assert adapter(host, "lo").kind == "none"


def test_all_interfaces_but_lo_are_the_default(host):
    for name in ("lo", "ens3", "ens4"):
        host.interface(name, None)
    assert [found.interface for found in read_adapters([], host.run, str(host.root))] == ["ens3", "ens4"]
