"""How an interface is attached, and where that limits: simulated hosts of every kind, and this machine."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from tests.unit.simulated_host import SimulatedHost

from linerate.nic.attachment import (
    EMULATED,
    PASSTHROUGH,
    PHYSICAL,
    PTNET,
    SOFTWARE,
    VIRTIO,
    VIRTUAL_FUNCTION,
    Attachment,
    describe,
    read_attachment,
)
from linerate.nic.pci import PcieLink
from linerate.nic.read import read_nic
from linerate.system.machine import read_machine
from linerate.system.run import run

X520 = ("8086:10fb", "8086:0003")
GEN2_X8 = "5.0 GT/s PCIe x8"


@pytest.fixture
def host(tmp_path: Path) -> SimulatedHost:
    return SimulatedHost(tmp_path)


@pytest.fixture
def bare_metal(host: SimulatedHost) -> SimulatedHost:
    """An X520 behind a root port, with a second port of its own, and in a group of its own."""
    host.function("0000:00:01.0", "8086:1901", link=GEN2_X8, **{"class": "0x060400"})
    first = host.function("0000:00:01.0/0000:01:00.0", *X520, GEN2_X8, numa_node="0")
    second = host.function("0000:00:01.0/0000:01:00.1", *X520, GEN2_X8)
    host.iommu_group(12, "sys/devices/pci0000:00/0000:00:01.0", first, second)
    host.attach(first, "ixgbe", queues=8)
    return host


def limits(found: Attachment) -> str:
    return " ".join(found.limits)


def test_a_card_on_bare_metal(bare_metal: SimulatedHost) -> None:
    found = bare_metal.attachment()
    assert (found.kind, found.device, found.tx_queues, found.numa_node) == (PHYSICAL, "8086:10fb", 8, 0)
    assert found.pcie == PcieLink(5.0, 8, 32e9)
    assert found.iommu is not None
    assert (found.iommu.number, found.iommu.shared_with) == ("12", ())
    assert (found.netmap, found.af_xdp, found.limits) == ("native", "zerocopy", ())
    assert describe("ixgbe", bare_metal.machine(), found) == {
        "Machine": "bare metal",
        "Attachment": "physical (8086:10fb), 8 transmit queues, PCIe 5 GT/s x8, NUMA node 0, IOMMU group 12 of its own",
        "Best adapters": "netmap native, AF_XDP zerocopy, by the driver ixgbe",
        "Limits": "none found",
    }


def test_a_card_that_is_passed_through(host: SimulatedHost) -> None:
    host.guest()
    # QEMU's own root port states a link that no cable has.
    host.function("0000:00:1c.0", "1b36:000c", "1b36:0000", "2.5 GT/s PCIe x1", **{"class": "0x060400"})
    host.attach(host.function("0000:00:1c.0/0000:01:00.0", *X520, GEN2_X8), "ixgbe", queues=4)
    found = host.attachment()
    assert (found.kind, found.pcie, found.iommu, found.numa_node) == (PASSTHROUGH, PcieLink(5.0, 8, 32e9), None, None)
    assert (found.netmap, found.af_xdp, found.limits) == ("native", "zerocopy", ())
    assert describe("ixgbe", host.machine(), found)["Machine"] == (
        "guest of KVM (QEMU Standard PC (Q35 + ICH9, 2009)), steal time 0 %"
    )


def test_a_card_that_qemu_emulates(host: SimulatedHost) -> None:
    host.guest(clocks="hpet acpi_pm", product="Standard PC (i440FX + PIIX, 1996)")
    host.attach(host.function("0000:00:04.0", "8086:100e", "1af4:1100"), "e1000")
    found = host.attachment()
    assert (found.kind, found.netmap, found.af_xdp) == (EMULATED, "native", "copy")
    for rule in ("QEMU may emulate its CPU", "The hypervisor implements the NIC", "one transmit queue"):
        assert rule in limits(found)


@pytest.mark.parametrize("queues", [1, 4])
def test_virtio(host: SimulatedHost, queues: int) -> None:
    host.guest()
    device = host.function("0000:00:03.0", "1af4:1000", "1af4:0001") + "/virtio0"
    host.bus(device, "virtio")
    host.attach(device, "virtio_net", queues)
    found = host.attachment()
    assert (found.kind, found.device, found.netmap, found.af_xdp) == (VIRTIO, "1af4:1000", "native", "copy")
    assert "Pass a card through" in limits(found)
    assert ("one transmit queue" in limits(found)) == (queues == 1)


@pytest.mark.parametrize(
    ("ids", "subsystem", "driver", "kind", "netmap"),
    [
        ("15ad:07b0", "15ad:07b0", "vmxnet3", EMULATED, "native"),
        ("8086:100f", "15ad:0750", "e1000", EMULATED, "native"),
        ("8086:10d3", "8086:0000", "e1000e", EMULATED, "native"),
        ("8086:10d3", "8086:a01f", "e1000e", PASSTHROUGH, "native"),
        ("8086:100e", "8086:001e", "e1000", EMULATED, "native"),
        ("8086:10c9", "1af4:1100", "igb", EMULATED, "native"),
        ("10ec:8139", "1af4:1100", "8139cp", EMULATED, "emulated"),
        ("1b36:000d", "1af4:1100", "ptnetmap-guest-drivers", PTNET, "native"),
        ("8086:10ed", "8086:000c", "ixgbevf", VIRTUAL_FUNCTION, "native"),
        ("8086:154c", "8086:0000", "iavf", VIRTUAL_FUNCTION, "emulated"),
        ("15b3:1018", "15b3:0058", "mlx5_core", VIRTUAL_FUNCTION, "native"),
        ("15b3:1017", "15b3:0058", "mlx5_core", PASSTHROUGH, "native"),
        ("14e4:16d8", "14e4:4163", "bnxt_en", PASSTHROUGH, "emulated"),
    ],
)
def test_the_functions_of_a_guest(
    host: SimulatedHost, ids: str, subsystem: str, driver: str, kind: str, netmap: str
) -> None:
    host.guest()
    host.attach(host.function("0000:00:10.0", ids, subsystem), driver, queues=2)
    assert (host.attachment().kind, host.attachment().netmap) == (kind, netmap)


def test_a_virtual_function_on_its_own_host(bare_metal: SimulatedHost) -> None:
    # It states no link, and shares that of the port.
    function = bare_metal.function("0000:00:01.0/0000:01:10.0", "8086:10ed", link="Unknown x0")
    bare_metal.link(f"{function}/physfn", "sys/devices/pci0000:00/0000:00:01.0/0000:01:00.0")
    (bare_metal.root / "sys/class/net/ens17/device").unlink()
    bare_metal.attach(function, "ixgbevf", queues=2)
    found = bare_metal.attachment()
    assert (found.kind, found.pcie) == (VIRTUAL_FUNCTION, PcieLink(5.0, 8, 32e9))
    assert "spoof checking" in limits(found)


@pytest.mark.parametrize(("zerocopy", "adapter"), [(True, "zerocopy"), (False, "copy"), (None, "copy")])
def test_the_kernel_knows_more_drivers_with_zerocopy(host: SimulatedHost, zerocopy: bool | None, adapter: str) -> None:
    host.attach(host.function("0000:01:00.0", "8086:1521"), "igb", queues=8)
    assert host.attachment(zerocopy=zerocopy).af_xdp == adapter


@pytest.mark.parametrize("bus", ["xen", "vmbus"])
def test_an_interface_on_the_bus_of_a_hypervisor(host: SimulatedHost, bus: str) -> None:
    host.put("proc/cpuinfo", "flags : hypervisor")
    host.bus("sys/devices/vif-0", bus)
    host.attach("sys/devices/vif-0", "vif")
    assert (host.attachment().kind, host.attachment().device) == (EMULATED, None)


def test_an_interface_without_a_device(host: SimulatedHost) -> None:
    host.nic = replace(host.nic, driver="veth")
    found = host.attachment()
    assert (found.kind, found.device, found.netmap, found.af_xdp) == (SOFTWARE, None, "native", "copy")
    assert found.limits == ()


@pytest.mark.parametrize(
    ("link", "gbps", "short"),
    [
        ("2.5 GT/s PCIe x4", 8, True),
        ("5 GT/s x2", 8, True),
        ("5.0 GT/s PCIe x4", 16, False),
        ("8.0 GT/s PCIe x1", 7.877, True),
        ("8.0 GT/s PCIe x2", 15.754, False),
        ("Unknown speed x8", None, False),
        ("5.0 GT/s PCIe x255", None, False),
    ],
)
def test_a_pcie_link_narrower_than_the_port(host: SimulatedHost, link: str, gbps: float | None, short: bool) -> None:
    host.attach(host.function("0000:01:00.0", *X520, link), "ixgbe", queues=8)
    found = host.attachment()
    assert (found.pcie and round(found.pcie.bps / 1e9, 3)) == gbps
    assert ("needs 12 Gbit/s for short frames" in limits(found)) == short
    # A port whose speed is not known needs nothing.
    host.nic = replace(host.nic, speed_bps=None)
    assert host.attachment().limits == ()


def test_the_narrowest_link_of_the_path_decides(bare_metal: SimulatedHost) -> None:
    bare_metal.put("sys/devices/pci0000:00/0000:00:01.0/current_link_width", "1")
    found = bare_metal.attachment()
    assert found.pcie == PcieLink(5.0, 1, 4e9)
    assert "The PCIe link of 5 GT/s x1 carries 4 Gbit/s, and the port needs 12 Gbit/s" in limits(found)


def test_an_iommu_group_that_is_shared(bare_metal: SimulatedHost) -> None:
    disk = bare_metal.function("0000:00:01.0/0000:02:00.0", "144d:a808", **{"class": "0x010802"})
    bare_metal.iommu_group(12, disk)
    found = bare_metal.attachment()
    assert found.iommu is not None
    assert found.iommu.shared_with == ("0000:02:00.0",)
    assert "no IOMMU group of its own (group 12 also has 0000:02:00.0)" in limits(found)


def test_without_an_iommu(host: SimulatedHost) -> None:
    host.attach(host.function("0000:01:00.0", *X520, GEN2_X8), "ixgbe", queues=8)
    found = host.attachment()
    assert (found.iommu, found.limits) == (None, ())
    assert describe("ixgbe", host.machine(), found)["Attachment"].endswith("PCIe 5 GT/s x8, no IOMMU group")


@pytest.mark.parametrize(
    ("cpu", "limit"),
    [(0, ""), (1, ""), (2, "CPU 2 is not"), (None, "may run on another")],
)
def test_a_sending_program_on_another_numa_node(bare_metal: SimulatedHost, cpu: int | None, limit: str) -> None:
    assert bare_metal.attachment(cpu).limits == ()
    bare_metal.node(1, 2, 3)
    found = bare_metal.attachment(cpu)
    assert len(found.limits) == bool(limit)
    assert limit in limits(found)


@pytest.mark.parametrize(("steal", "limited"), [(0, False), (140, False), (151, True)])
def test_processors_that_the_hypervisor_took_away(host: SimulatedHost, steal: int, limited: bool) -> None:
    host.guest()
    host.put("proc/stat", f"cpu  100000 0 50000 800000 1000 0 {500 - steal} {steal} 0 0")
    host.attach(host.function("0000:01:00.0", *X520, GEN2_X8), "ixgbe", queues=8)
    assert ("steal time" in limits(host.attachment())) == limited


def test_the_record_is_the_same_after_json(bare_metal: SimulatedHost) -> None:
    found = bare_metal.attachment()
    assert Attachment.from_json(found.to_json()) == found


def test_the_interfaces_of_this_machine() -> None:
    machine = read_machine()
    for path in Path("/sys/class/net").iterdir():
        if not (path / "mtu").exists():
            continue
        nic = read_nic(path.name, run)
        found = read_attachment(nic, machine)
        assert (found.kind == SOFTWARE) == (not (path / "device").exists())
        assert (found.kind == VIRTIO) == (nic.driver == "virtio_net")
        assert found.tx_queues == len(list((path / "queues").glob("tx-*")))
        assert found.netmap != "none" or path.name == "lo"
        assert set(describe(nic.driver, machine, found)) == {"Machine", "Attachment", "Best adapters", "Limits"}
