"""Which adapter netmap gives an interface: native, emulated or none, with the evidence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ..packages.netmap.install import read_parameters
from ..system.run import Runner

FORCE_NATIVE, FORCE_EMULATED = "1", "2"
"""Values of netmap's parameter `admode`; 0 takes the native adapter where there is one (netmap(4))."""


@dataclass(frozen=True)
class Adapter:
    """``kind`` is native, emulated or none; ``evidence`` what was read to conclude it."""

    interface: str
    driver: str | None
    kind: str
    evidence: tuple[str, ...]


def read_adapters(interfaces: Sequence[str], run: Runner, root: str = "/") -> tuple[Adapter, ...]:
    """The adapter of each of ``interfaces``; of all interfaces but lo where none is named."""
    found = sorted(path.name for path in Path(root, "sys/class/net").iterdir() if path.name != "lo")
    messages = kernel_messages(run)
    return tuple(read_adapter(name, run, messages, root) for name in interfaces or found)


def read_adapter(interface: str, run: Runner, messages: Sequence[str], root: str = "/") -> Adapter:
    """The adapter netmap would give ``interface`` now.

    A loaded driver that uses netmap's symbols stands in the kernel's list of netmap's holders: that is the
    proof of native. The file on disk and the kernel's messages are told beside it.
    """
    if not Path(root, "sys/class/net", interface).exists():
        return Adapter(interface, None, "none", (f"there is no interface {interface}",))
    driver = driver_of(interface, root)
    evidence = [f"driver: {driver or 'none of a device'}"]
    if not Path(root, "sys/module/netmap").exists():
        return Adapter(interface, driver, "none", (*evidence, "the netmap module is not loaded"))
    native = driver is not None and Path(root, "sys/module/netmap/holders", driver).exists()
    evidence.append(f"/sys/module/netmap/holders/{driver}: {'there' if native else 'not there'}")
    if driver:
        depends = run(["modinfo", "-F", "depends", driver]).stdout.strip()
        evidence.append(f"modinfo -F depends {driver}: {depends or 'nothing'}")
    admode = read_parameters(root).get("admode", "0")
    evidence.append(f"/sys/module/netmap/parameters/admode: {admode}")
    evidence += messages_about(interface, messages)
    return Adapter(interface, driver, _kind(interface, native, admode), tuple(evidence))


def kernel_messages(run: Runner) -> tuple[str, ...]:
    """The kernel's messages, one a line; none where this process may not read them."""
    done = run(["dmesg"])
    return tuple(done.stdout.splitlines()) if done.returncode == 0 else ()


def messages_about(interface: str, messages: Sequence[str]) -> list[str]:
    """The last thing netmap said to the kernel's log about an adapter of ``interface``."""
    about = [line for line in messages if f"Emulated adapter for {interface} " in line]
    about += [line for line in messages if f" {interface}: netmap queues/slots" in line]
    return [f"dmesg: {line.partition('] ')[2] or line}" for line in about[-1:]]


def driver_of(interface: str, root: str = "/") -> str | None:
    """The module that drives ``interface``; None where it has no device, or is not there."""
    link = Path(root, "sys/class/net", interface, "device/driver/module")
    return link.resolve().name if link.exists() else None


def _kind(interface: str, native: bool, admode: str) -> str:
    if native and admode != FORCE_EMULATED:
        return "native"
    # netmap refuses the loopback interface; an interface without a native adapter when native is forced.
    return "none" if interface == "lo" or admode == FORCE_NATIVE else "emulated"
