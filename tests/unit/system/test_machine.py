"""What a host is: bare metal or a guest, by simulated files and on this machine."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.unit.simulated_host import SimulatedHost

from linerate.system.machine import BARE_METAL, GUEST, UNKNOWN, read_machine


@pytest.fixture
def host(tmp_path: Path) -> SimulatedHost:
    return SimulatedHost(tmp_path)


def test_a_computer_without_a_hypervisor(host: SimulatedHost) -> None:
    host.firmware("Dell Inc.", "PowerEdge R640")
    found = host.machine()
    assert (found.kind, found.hypervisor, found.model) == (BARE_METAL, None, "Dell Inc. PowerEdge R640")
    assert (found.container, found.own_network_namespace, found.steal_percent) == (None, None, None)
    assert found.evidence == ("/proc/cpuinfo: no flag hypervisor", "/sys/class/dmi/id: Dell Inc. PowerEdge R640")


@pytest.mark.parametrize("vendor", [("Microsoft Corporation", "Virtual Machine"), ("Amazon EC2", "m5.metal")])
def test_a_vendor_of_hypervisors_also_has_computers(host: SimulatedHost, vendor: tuple[str, str]) -> None:
    host.firmware(*vendor)
    assert (host.machine().kind, host.machine().hypervisor) == (BARE_METAL, None)


@pytest.mark.parametrize(
    ("clocks", "firmware", "hypervisor"),
    [
        ("kvm-clock tsc acpi_pm", ("QEMU", "Standard PC (i440FX + PIIX, 1996)"), "KVM"),
        ("tsc hpet acpi_pm", ("QEMU", "Standard PC (i440FX + PIIX, 1996)"), "QEMU"),
        ("tsc kvm-clock", None, "KVM"),
        ("tsc acpi_pm", ("VMware, Inc.", "VMware Virtual Platform"), "VMware"),
        ("tsc acpi_pm", ("innotek GmbH", "VirtualBox"), "VirtualBox"),
        ("hyperv_clocksource_tsc_page acpi_pm", ("Microsoft Corporation", "Virtual Machine"), "Hyper-V"),
        ("tsc", ("Microsoft Corporation", "Virtual Machine"), "Hyper-V"),
        ("xen tsc", ("Xen", "HVM domU"), "Xen"),
        ("tsc", ("Contoso", "Cloud"), None),
        ("tsc", None, None),
    ],
)
def test_the_hypervisor_of_a_guest(
    host: SimulatedHost, clocks: str, firmware: tuple[str, str] | None, hypervisor: str | None
) -> None:
    host.put("proc/cpuinfo", "flags\t\t: fpu hypervisor")
    host.put("sys/devices/system/clocksource/clocksource0/available_clocksource", clocks)
    if firmware:
        host.firmware(*firmware)
    assert (host.machine().kind, host.machine().hypervisor) == (GUEST, hypervisor)


def test_the_control_domain_of_xen_drives_the_hardware(host: SimulatedHost) -> None:
    host.put("proc/cpuinfo", "flags\t\t: fpu hypervisor")
    host.put("sys/hypervisor/type", "xen")
    assert (host.machine().kind, host.machine().hypervisor) == (GUEST, "Xen")
    host.put("proc/xen/capabilities", "control_d")
    assert (host.machine().kind, host.machine().hypervisor) == (BARE_METAL, None)


def test_a_processor_without_flags_is_judged_by_the_firmware(host: SimulatedHost) -> None:
    host.put("proc/cpuinfo", "Features\t: fp asimd")
    assert host.machine().kind == UNKNOWN
    host.firmware("QEMU", "KVM Virtual Machine")
    assert (host.machine().kind, host.machine().hypervisor) == (GUEST, "QEMU")


def test_steal_time_is_a_share_of_the_time_with_work(host: SimulatedHost) -> None:
    host.guest()
    host.put("proc/stat", "cpu  600 100 200 99000 900 40 50 10 7 7")
    assert host.machine().steal_percent == 1.0
    host.put("proc/stat", "cpu  600 100 200 99000")
    assert host.machine().steal_percent is None


@pytest.mark.parametrize(
    ("name", "text", "kind"),
    [
        (".dockerenv", "", "docker"),
        ("run/.containerenv", "", "podman"),
        ("run/systemd/container", "systemd-nspawn", "systemd-nspawn"),
    ],
)
def test_a_container(host: SimulatedHost, name: str, text: str, kind: str) -> None:
    host.put(name, text)
    assert host.machine().container == kind


def test_a_network_namespace_of_its_own(host: SimulatedHost) -> None:
    for process, namespace in (("self", "net:[2]"), ("1", "net:[1]")):
        (host.root / f"proc/{process}/ns").mkdir(parents=True)
        (host.root / f"proc/{process}/ns/net").symlink_to(namespace)
    assert host.machine().own_network_namespace is True
    (host.root / "proc/self/ns/net").unlink()
    (host.root / "proc/self/ns/net").symlink_to("net:[1]")
    assert host.machine().own_network_namespace is False


def test_this_machine_agrees_with_its_processor() -> None:
    found = read_machine()
    guest = " hypervisor" in Path("/proc/cpuinfo").read_text()
    assert found.kind == (GUEST if guest else BARE_METAL)
    assert (found.steal_percent is not None) == guest
    assert found.evidence
