"""A device under test between the lab's two ends: a namespace with two ports, ``in`` and ``out``."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.integration.trials import ip

from linerate.lab.namespaces import RECEIVER, SENDER, discarding

NAME = "linerate-device1"
# How tc drops a frame (include/uapi/linux/pkt_cls.h): with an error to the sender, or without one, as netem does.
SHOT, STOLEN = 2, 4


def command(*argv: str) -> None:
    subprocess.run(argv, check=True)


@contextmanager
def ports() -> Iterator[str]:
    """The device's namespace, whose ports are up and not connected with each other."""
    command("ip", "netns", "add", NAME)
    # As in the lab: IPv6's own packets would be counted as traffic.
    quiet = [f"net.ipv6.conf.{which}.disable_ipv6=1" for which in ("all", "default")]
    command("ip", "netns", "exec", NAME, "sysctl", "-qw", *quiet)
    ip(SENDER, "link", "delete", SENDER.interface)
    for end, port in ((SENDER, "in"), (RECEIVER, "out")):
        near = ("name", end.interface, "address", end.mac, "mtu", "1500")
        ip(end, "link", "add", *near, "type", "veth", "peer", "name", port, "netns", NAME)
        ip(end, "link", "set", end.interface, "up")
        command("ip", "-n", NAME, "link", "set", port, "up")
    for argv in discarding(RECEIVER):
        command(*argv)
    try:
        yield NAME
    finally:
        command("ip", "netns", "delete", NAME)


@contextmanager
def bridge() -> Iterator[str]:
    """The device's namespace, with a bridge of both ports."""
    with ports() as name:
        command("ip", "-n", name, "link", "add", "bridge", "type", "bridge", "mcast_snooping", "0")
        command("ip", "-n", name, "link", "set", "bridge", "up")
        for port in ("in", "out"):
            command("ip", "-n", name, "link", "set", port, "master", "bridge")
        yield name


@contextmanager
def altering(change: str) -> Iterator[None]:
    """A device that forwards frames with a ``change`` of altering_device.py."""
    script = str(Path(__file__).with_name("altering_device.py"))
    with ports() as name:
        argv = ["ip", "netns", "exec", name, sys.executable, script, change]
        process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        assert process.stdout.readline() == "forwarding\n"
        try:
            yield
        finally:
            process.communicate()


def drop_by_tc(namespace: str, interface: str, direction: str, number: int, action: int) -> None:
    """Drop the frames to UDP ports that ``number`` divides with tc: classic BPF on the port of the frame."""
    tc = ("tc", "-n", namespace)
    port_modulo = f"40 0 0 36,148 0 0 {number},21 0 1 0,6 0 0 {action},6 0 0 4294967295"
    command(*tc, "qdisc", "add", "dev", interface, "clsact")
    matching = ("protocol", "ip", "prio", "1", "bpf", "da", "bytecode", f"5,{port_modulo}")
    command(*tc, "filter", "add", "dev", interface, direction, *matching)
