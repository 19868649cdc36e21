"""Faults that are there before anything is sent: in the pcap, the interface, the options, the rights."""

from __future__ import annotations

import struct
from pathlib import Path

from tests.faults.bench import Bench
from tests.faults.fault import Fault

from linerate.lab.namespaces import RECEIVER, SENDER

UNPRIVILEGED = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")
NET_RAW = (*UNPRIVILEGED, "--inh-caps=-all,+net_raw", "--ambient-caps=-all,+net_raw", "--bounding-set=-all,+net_raw")
FILE_HEADER, RECORD_HEADER = 24, 16


def peer_down(bench: Bench) -> None:
    bench.ip(RECEIVER.namespace, "link", "set", RECEIVER.interface, "down")


def down(bench: Bench) -> None:
    bench.ip(SENDER.namespace, "link", "set", SENDER.interface, "down")


def peer_mtu(bench: Bench) -> None:
    bench.ip(RECEIVER.namespace, "link", "set", RECEIVER.interface, "mtu", "1000")


def address(bench: Bench) -> None:
    bench.ip(SENDER.namespace, "address", "add", "192.0.2.9/24", "dev", SENDER.interface)


def default_route(bench: Bench) -> None:
    bench.ip(SENDER.namespace, "address", "add", "198.18.0.9/24", "dev", SENDER.interface)
    bench.ip(SENDER.namespace, "route", "add", "default", "via", "198.18.0.1")


def blackhole(bench: Bench) -> None:
    bench.inside("tc", "qdisc", "add", "dev", SENDER.interface, "root", "blackhole")


def folder_of_nobody(bench: Bench) -> None:
    bench.own_state(65534)


def another_of_ours(bench: Bench) -> None:
    bench.another(bench.module(bench.pcap("other.pcap"), pps=500, loop=1000))


def another_bare(bench: Bench) -> None:
    options = ["--pps=500", "--loop=1000", bench.pcap("other.pcap")]
    bench.another(["tcpreplay", f"--intf1={SENDER.interface}", *options])


def long_frames(bench: Bench) -> str:
    return bench.pcap(ip_length=1501)


def some_long_frames(bench: Bench) -> str:
    long = Path(bench.pcap(packets=100, ip_length=1600)).read_bytes()[FILE_HEADER:]
    return bench.pcap(change=lambda content: content + long)


def elsewhere(bench: Bench) -> str:
    return bench.pcap(dst_ip="192.0.2.1")


def large(bench: Bench) -> str:
    return bench.pcap(ip_length=1400)


def header_only(bench: Bench) -> str:
    return bench.pcap(change=lambda content: content[:FILE_HEADER])


def cut(bench: Bench) -> str:
    return bench.pcap(change=lambda content: content[:-30])


def corrupt(bench: Bench) -> str:
    at = FILE_HEADER + 500 * (RECORD_HEADER + 78) + 8
    return bench.pcap(change=lambda content: content[:at] + b"\xff\xff\xff\x7f" + content[at + 4 :])


def raw_ip(bench: Bench) -> str:
    return bench.pcap(change=lambda content: content[:20] + struct.pack("<I", 101) + content[24:])


def snapped(bench: Bench) -> str:
    def longer(content: bytes) -> bytes:
        size, records = RECORD_HEADER + 78, content[FILE_HEADER:]
        pieces = [records[at : at + size] for at in range(0, len(records), size)]
        return content[:FILE_HEADER] + b"".join(one[:12] + struct.pack("<I", 1514) + one[16:] for one in pieces)

    return bench.pcap(change=longer)


def no_pcap(bench: Bench) -> str:
    return bench.pcap(change=lambda content: b"These are not packets.\n" * 40)


def empty(bench: Bench) -> str:
    return bench.pcap(change=lambda content: b"")


def missing(bench: Bench) -> str:
    return str(bench.folder / "missing.pcap")


def folder(bench: Bench) -> str:
    (bench.folder / "folder").mkdir(exist_ok=True)
    return str(bench.folder / "folder")


def pcapng(bench: Bench) -> str:
    def written(content: bytes) -> bytes:
        blocks = [
            struct.pack("<IIIHHqI", 0x0A0D0D0A, 28, 0x1A2B3C4D, 1, 0, -1, 28),
            struct.pack("<IIHHII", 1, 20, 1, 0, 0, 20),
        ]
        frame, size = content[FILE_HEADER + RECORD_HEADER :][:78], 112
        blocks += [
            struct.pack("<IIIIIII", 6, size, 0, 0, 0, 78, 78) + frame + bytes(2) + struct.pack("<I", size)
        ] * 1000
        return b"".join(blocks)

    return bench.pcap(change=written)


def nanosecond(bench: Bench) -> str:
    return bench.pcap(change=lambda content: struct.pack("<I", 0xA1B23C4D) + content[4:])


FAST = {"topspeed": True}
FAULTS = [
    Fault(
        "interface that is missing",
        "refused: .*nope0.* does not exist",
        bare=("--intf1=nope0", "--topspeed"),
        ours={**FAST, "interface": "nope0"},
    ),
    Fault("interface down at start", "refused: .*is down", before=down),
    Fault("peer down: no carrier", "refused: .*has no carrier", before=peer_down),
    Fault("interface with an address in use", "refused: .*192.0.2.9", before=address),
    Fault("interface of the default route", "refused: .*default route", before=default_route),
    Fault("two senders on one interface, ours", "refused: .*is in use: trial faults, since", before=another_of_ours),
    Fault(
        "two senders, the other a bare tcpreplay",
        "^not valid: .*the sending interface counted",
        ours={"pps": 1000},
        bare=("--pps=1000",),
        before=another_bare,
    ),
    Fault(
        "peer MTU smaller, known",
        "refused: the receiver's interface: has an MTU of 1000 B",
        pcap=large,
        before=peer_mtu,
        ours={**FAST, "receiver_mtu": 1000},
    ),
    Fault(
        "peer MTU smaller, not known",
        "^not valid: did not run to its end: nothing left .* is the receiver's MTU smaller",
        pcap=large,
        before=peer_mtu,
    ),
    Fault("all frames above the MTU", "refused: .*has an MTU of 1500 B, too small for the 1501 B", pcap=long_frames),
    Fault(
        "some frames above the MTU", "refused: .*has an MTU of 1500 B, too small for the 1600 B", pcap=some_long_frames
    ),
    Fault("pcap of a header alone", "refused: .*holds no packet", pcap=header_only),
    Fault(
        "pcap of a header alone, for 2 s",
        "refused: .*holds no packet",
        pcap=header_only,
        bare=("--topspeed", "--loop=0", "--duration=2"),
        ours={**FAST, "loop": 0, "duration": 2},
    ),
    Fault("pcap cut in its last record", "refused: .*is truncated in record 1000", pcap=cut),
    Fault("pcap corrupt in the middle", "refused: .*in record 501", pcap=corrupt),
    Fault("pcap of raw IP", "refused: .*has link type 101, not Ethernet", pcap=raw_ip),
    Fault("packets cut when captured", "refused: .*holds 78 of 1514 bytes", pcap=snapped),
    Fault("no pcap at all", "refused: .*is not a pcap file", pcap=no_pcap),
    Fault("pcap of 0 bytes", "refused: .*is not a pcap file, it starts with nothing", pcap=empty),
    Fault("pcap that is missing", "refused: .*cannot be read: No such file", pcap=missing),
    Fault("pcap that is a folder", "refused: .*is not a regular file", pcap=folder),
    Fault("pcapng", "refused: .*is a pcapng file. Convert it", pcap=pcapng),
    Fault("pcap in nanoseconds", "^valid$", pcap=nanosecond, witness=True),
    Fault("pcap other than planned", "refused: .*is another than planned", ours={**FAST, "pcap_sha256": "0" * 64}),
    Fault(
        "frames to an address not allowed",
        "refused: .*192.0.2.1, which is in none of the allowed networks",
        pcap=elsewhere,
    ),
    Fault("--mbps abc", "refused: .*mbps", bare=("--mbps=abc",), ours={"mbps": "abc"}),
    Fault("--mbps 0", "refused: mbps 0", bare=("--mbps=0",), ours={"mbps": 0}),
    Fault("--mbps -5", "refused: mbps -5", bare=("--mbps=-5",), ours={"mbps": -5}),
    Fault("--pps nan", "refused: pps nan", bare=("--pps=nan",), ours={"pps": "nan"}),
    Fault(
        "--loop 0 and no end",
        "refused: loop 0: would never end",
        bare=("--topspeed", "--loop=0"),
        ours={**FAST, "loop": 0},
    ),
    Fault(
        "a rate that the core cannot send",
        "^not valid: .*asked for .* pps, sent",
        bare=("--mbps=5000", "--loop=100"),
        ours={"mbps": 5000, "loop": 100},
    ),
    Fault(
        "frames dropped in the sender's queue",
        "^not valid: .*(the sending interface counted 0|nothing left)",
        before=blackhole,
    ),
    Fault(
        "--netmap where there is no netmap",
        "refused: .*netmap",
        bare=("--topspeed", "--netmap"),
        ours={**FAST, "netmap": True, "adapter": "emulated"},
    ),
    Fault(
        "an executable that is missing",
        "refused: .*tcpreplay-x.* is not on this host",
        bare=None,
        note="none: it is tcpreplay that is missing",
        ours={**FAST, "executable": "tcpreplay-x"},
    ),
    Fault("no right to send", "refused: .*Run as root", prefix=UNPRIVILEGED),
    Fault(
        "not root, a folder for its state, and no CAP_NET_RAW",
        "^not valid: tcpreplay ended with status 255; .*Operation not permitted",
        before=folder_of_nobody,
        prefix=UNPRIVILEGED,
    ),
    Fault("not root, CAP_NET_RAW alone", "^valid$", before=folder_of_nobody, prefix=NET_RAW, witness=True),
]
