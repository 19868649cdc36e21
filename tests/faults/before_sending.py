"""Faults that exist before anything is sent: in the pcap, the interface and the options."""

from __future__ import annotations

import os
import shlex
import struct
from pathlib import Path

from tests.faults.bench import MEMORY_GROUP, STATE, Bench
from tests.faults.fault import TOP_SPEED, Fault, Step, link, pcap, receiver, refused, run_ip
from tests.integration.trials import eventually, inside, ip

from linerate.lab.namespaces import RECEIVER, SENDER
from linerate.system.lease import Lease, hold

FILE_HEADER, RECORD_HEADER, FRAME = 24, 16, 78
RECORD_501 = FILE_HEADER + 500 * (RECORD_HEADER + FRAME)
LARGE = pcap(ip_length=1400)
SMALL_PEER_MTU = link(RECEIVER, "mtu", "1000")
MANY = pcap(packets=100_000)
PRELOAD = {**TOP_SPEED, "preload_pcap": True}
ENTER = 'echo $$ > "$0/cgroup.procs" && exec "$@"'
# `ip netns exec` mounts another /sys, without control groups.
IN_MEMORY_GROUP = ("sh", "-c", ENTER, f"/proc/{os.getpid()}/root{MEMORY_GROUP}")
LITTLE_MEMORY = f"{STATE}/tcpreplay-with-little-memory"
HEADER_ONLY = pcap(lambda content: content[:FILE_HEADER])


def add_address(address: str) -> Step:
    return run_ip(SENDER, "address", "add", address, "dev", SENDER.interface)


def add_default_route(bench: Bench) -> None:
    add_address("198.18.0.9/24")(bench)
    ip(SENDER, "route", "add", "default", "via", "198.18.0.1")


def drop_in_queue(bench: Bench) -> None:
    inside(SENDER, "tc", "qdisc", "add", "dev", SENDER.interface, "root", "blackhole")


def start_linerate(bench: Bench) -> None:
    eventually("it sends", bench.start(bench.module(bench.pcap("other.pcap"), pps=500, loop=1000)))


def lease_for_another_run(bench: Bench) -> None:
    hold(Lease("other", "other", "ann@alpha", "2026-01-01T00:00:00.000Z", {}))


def start_tcpreplay(bench: Bench) -> None:
    options = [f"--intf1={SENDER.interface}", "--pps=500", "--loop=1000", bench.pcap("other.pcap")]
    eventually("it sends", bench.start(["tcpreplay", *options]))


def limit_memory(bench: Bench) -> None:
    MEMORY_GROUP.mkdir(exist_ok=True)
    names = ("memory.limit_in_bytes", "memory.max", "memory.swap.max")
    for name in names:
        if (MEMORY_GROUP / name).exists():
            (MEMORY_GROUP / name).write_text("60000000" if name != names[-1] else "0")


def little_memory_for_tcpreplay(bench: Bench) -> None:
    limit_memory(bench)
    script = Path(LITTLE_MEMORY)
    script.write_text(f'#!/bin/sh\nexec {shlex.join(IN_MEMORY_GROUP)} tcpreplay "$@"\n')
    script.chmod(0o755)


def with_long_frames(bench: Bench) -> str:
    long = Path(bench.pcap(packets=100, ip_length=1600)).read_bytes()[FILE_HEADER:]
    return bench.pcap(change=lambda content: content + long)


def replaced(content: bytes, offset: int, number: int) -> bytes:
    """``content`` with ``number`` as its 32 bits at ``offset``."""
    return content[:offset] + struct.pack("<I", number) + content[offset + 4 :]


def truncated_frames(content: bytes) -> bytes:
    """As captured with a snapshot length: each record says that its frame had 1,514 bytes."""
    for offset in range(FILE_HEADER, len(content), RECORD_HEADER + FRAME):
        content = replaced(content, offset + 12, 1514)
    return content


def as_pcapng(content: bytes) -> bytes:
    section = struct.pack("<IIIHHqI", 0x0A0D0D0A, 28, 0x1A2B3C4D, 1, 0, -1, 28)
    interface = struct.pack("<IIHHII", 1, 20, 1, 0, 0, 20)
    frame, size = content[FILE_HEADER + RECORD_HEADER :][:FRAME], 112
    packet = struct.pack("<IIIIIII", 6, size, 0, 0, 0, FRAME, FRAME) + frame + bytes(2) + struct.pack("<I", size)
    return section + interface + packet * 1000


def missing(bench: Bench) -> str:
    return str(bench.folder / "missing.pcap")


def folder(bench: Bench) -> str:
    (bench.folder / "folder").mkdir(exist_ok=True)
    return str(bench.folder / "folder")


INTERFACES = [
    refused("missing interface", "nope0.* does not exist", options={**TOP_SPEED, "interface": "nope0"}),
    refused("interface down at start", "is down", before=link(SENDER, "down")),
    refused("peer down: no carrier", "has no carrier", before=link(RECEIVER, "down")),
    refused("interface with an address in use", "192.0.2.9", before=add_address("192.0.2.9/24")),
    refused("interface of the default route", "default route", before=add_default_route),
    refused("two senders, both linerate", "is in use: trial faults, since", before=start_linerate),
    refused(
        "host that another run uses",
        "is in use by run other of ann@alpha since 2026-01-01T00:00:00.000Z",
        before=lease_for_another_run,
        note="none: it knows no runs",
    ),
    Fault(
        "two senders, the other tcpreplay alone",
        "^not valid: .*the sending interface counted",
        options={"pps": 1000},
        before=start_tcpreplay,
    ),
    refused(
        "smaller peer MTU, known",
        "the receiver's interface: has an MTU of 1000 B",
        pcap=LARGE,
        before=SMALL_PEER_MTU,
        options={**TOP_SPEED, "receiver_mtu": 1000},
    ),
    Fault(
        "smaller peer MTU, unknown",
        "^not valid: did not run to its end: nothing left .* is the receiver's MTU smaller",
        pcap=LARGE,
        before=SMALL_PEER_MTU,
    ),
    Fault(
        "frames dropped in the sender's queue",
        "^not valid: .*(the sending interface counted 0|nothing left)",
        before=drop_in_queue,
    ),
]
PCAPS = [
    refused("all frames above the MTU", "has an MTU of 1500 B, too small for the 1501 B", pcap=pcap(ip_length=1501)),
    refused("some frames above the MTU", "has an MTU of 1500 B, too small for the 1600 B", pcap=with_long_frames),
    refused("pcap with a header only", "holds no packet", pcap=HEADER_ONLY),
    refused(
        "pcap with a header only, for 2 s",
        "holds no packet",
        pcap=HEADER_ONLY,
        options={**TOP_SPEED, "loop": 0, "duration": 2},
    ),
    refused("pcap cut in its last record", "in.* record 1000", pcap=pcap(lambda content: content[:-30])),
    refused(
        "pcap corrupt in the middle",
        "in record 501",
        pcap=pcap(lambda content: replaced(content, RECORD_501 + 8, 0x7FFFFFFF)),
    ),
    refused("pcap of raw IP", "has link type 101, not Ethernet", pcap=pcap(lambda content: replaced(content, 20, 101))),
    refused("packets truncated at capture", "holds 78 of 1514 bytes", pcap=pcap(truncated_frames)),
    refused(
        "text instead of a pcap",
        "pcap file, it starts with 54686573",
        pcap=pcap(lambda content: b"These are not packets.\n" * 40),
    ),
    refused("pcap of 0 bytes", "pcap file, it starts with nothing", pcap=pcap(lambda content: b"")),
    refused("missing pcap", "cannot be read: No such file", pcap=missing),
    refused("folder instead of a pcap", "is not a regular file", pcap=folder),
    refused("pcapng", "is a pcapng file. Convert it", pcap=pcap(as_pcapng)),
    Fault(
        "pcap with nanosecond timestamps",
        "^valid, 0 packets lost$",
        pcap=pcap(lambda content: replaced(content, 0, 0xA1B23C4D)),
        witness=receiver,
    ),
    refused("pcap other than planned", "SHA-256 is not", options={**TOP_SPEED, "pcap_sha256": "0" * 64}),
    refused(
        "frames to an address that is not allowed",
        "192.0.2.1, which is in none of .*198.18.0.0/15",
        pcap=pcap(dst_ip="192.0.2.1"),
    ),
]
OPTIONS = [
    refused("--mbps abc", "mbps", options={"mbps": "abc"}),
    refused("--mbps 0", "mbps 0", options={"mbps": 0}),
    refused("--mbps -5", "mbps -5", options={"mbps": -5}),
    refused("--pps nan", "pps nan", options={"pps": "nan"}),
    refused("--loop 0 without an end", "loop 0: would never end", options={**TOP_SPEED, "loop": 0}),
    Fault(
        "a rate above what the core can send",
        "^not valid: .* pps, sent .* pps",
        options={"mbps": 5000, "loop": 100},
    ),
    refused("--netmap without netmap", "netmap", options={**TOP_SPEED, "netmap": True, "adapter": "emulated"}),
    refused(
        "missing executable",
        "tcpreplay-x.* is not on this host",
        options={**TOP_SPEED, "executable": "tcpreplay-x"},
        note="none: it is tcpreplay that is missing",
    ),
]
MEMORY = [
    refused(
        "pcap larger than the memory",
        "needs 82 MB of memory to be preloaded, and the control group .*limit 60 MB.* Set preload_pcap to false",
        pcap=MANY,
        options=PRELOAD,
        alone=["--topspeed", "--preload-pcap"],
        before=limit_memory,
        prefix=IN_MEMORY_GROUP,
    ),
    Fault(
        "memory that runs out while tcpreplay reads the pcap",
        "^not valid: did not run to its end: the kernel killed it because memory ran out in its control group",
        pcap=MANY,
        options={**PRELOAD, "executable": LITTLE_MEMORY},
        before=little_memory_for_tcpreplay,
        note="killed by SIGKILL, as in the row above",
    ),
]
FAULTS = [*INTERFACES, *PCAPS, *MEMORY, *OPTIONS]
