"""The adapter that netmap gives an interface: native, emulated or none, with the evidence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ..system.run import Runner
from .module import read_parameters

FORCE_NATIVE, FORCE_EMULATED = "1", "2"
"""Values of netmap's parameter `admode`; 0 prefers the native adapter (netmap(4))."""


@dataclass(frozen=True)
class Adapter:
    """``kind`` is native, emulated or none; ``evidence`` are the values that it follows from."""

    interface: str
    driver: str | None
    kind: str
    evidence: tuple[str, ...]


def read_adapters(interfaces: Sequence[str], run: Runner, root: str = "/") -> tuple[Adapter, ...]:
    """The adapter of each of ``interfaces``; when empty, of all interfaces but lo."""
    found = sorted(path.name for path in Path(root, "sys/class/net").iterdir() if path.name != "lo")
    messages = kernel_messages(run)
    return tuple(read_adapter(name, run, messages, root) for name in interfaces or found)


def read_adapter(interface: str, run: Runner, messages: Sequence[str], root: str = "/") -> Adapter:
    """The adapter netmap would give ``interface`` now.

    The kernel lists loaded drivers that use netmap's symbols as holders of netmap: that proves native. The driver's
    file on disk and the kernel's messages are additional evidence.
    """
    if not Path(root, "sys/class/net", interface).exists():
        return Adapter(interface, None, "none", (f"interface {interface} does not exist",))
    driver = driver_of(interface, root)
    evidence = [f"driver: {driver or 'none of a device'}"]
    if not Path(root, "sys/module/netmap").exists():
        return Adapter(interface, driver, "none", (*evidence, "the netmap module is not loaded"))
    native = driver is not None and Path(root, "sys/module/netmap/holders", driver).exists()
    evidence.append(f"/sys/module/netmap/holders/{driver}: {'present' if native else 'absent'}")
    if driver:
        depends = run(["modinfo", "-F", "depends", driver]).stdout.strip()
        evidence.append(f"modinfo -F depends {driver}: {depends or 'nothing'}")
    admode = read_parameters(root).get("admode", "0")
    evidence.append(f"/sys/module/netmap/parameters/admode: {admode}")
    evidence += messages_about(interface, messages)
    return Adapter(interface, driver, _kind(interface, native, admode), tuple(evidence))


def kernel_messages(run: Runner) -> tuple[str, ...]:
    """The kernel's messages, one per line; empty when this process may not read them."""
    done = run(["dmesg"])
    return tuple(done.stdout.splitlines()) if done.returncode == 0 else ()


def messages_about(interface: str, messages: Sequence[str]) -> list[str]:
    """The last message of netmap in the kernel's log about an adapter of ``interface``."""
    about = [line for line in messages if f"Emulated adapter for {interface} " in line]
    about += [line for line in messages if f" {interface}: netmap queues/slots" in line]
    return [f"dmesg: {line.partition('] ')[2] or line}" for line in about[-1:]]


def driver_of(interface: str, root: str = "/") -> str | None:
    """The module that drives ``interface``; None when it has no device or does not exist."""
    link = Path(root, "sys/class/net", interface, "device/driver/module")
    return link.resolve().name if link.exists() else None


def _kind(interface: str, native: bool, admode: str) -> str:
    if native and admode != FORCE_EMULATED:
        return "native"
    # netmap refuses lo, and when native is forced, interfaces without a native adapter.
    return "none" if interface == "lo" or admode == FORCE_NATIVE else "emulated"
