"""The filter of the packet counter, run by the kernel: a UNIX socket filters datagrams with it, as frames."""

from __future__ import annotations

import ctypes
import ipaddress
import socket
import struct
from collections.abc import Sequence

import pytest
from scapy.layers.inet import IP, UDP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import ARP, LLC, SNAP, Dot1Q, Dot3, Ether
from scapy.packet import Packet, Raw

from linerate.errors import InputError
from linerate.receiver.lengths import Range, accepted_lengths
from linerate.receiver.packet_counter import SO_ATTACH_FILTER
from linerate.receiver.packet_filter import MOST_MACS, MOST_NETWORKS, Destinations, compiled, describe

ANY_LENGTH: Sequence[Range] = ((1, 9018),)
MAC, OTHER_MAC = "02:00:00:00:00:02", "02:00:00:00:00:03"
MOST_INSTRUCTIONS = 4096


def accepted(frames: Sequence[bytes], destinations: Sequence[str], lengths: Sequence[Range] = ANY_LENGTH) -> list[bool]:
    """Whether the kernel accepts each of ``frames``."""
    program = compiled(Destinations.of(destinations), lengths)
    code = ctypes.create_string_buffer(program, len(program))
    attached = struct.pack("@HP", len(program) // 8, ctypes.addressof(code))
    sender, receiver = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    with sender, receiver:
        receiver.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, attached)
        receiver.setblocking(False)
        return [passes(sender, receiver, frame) for frame in frames]


def passes(sender: socket.socket, receiver: socket.socket, frame: bytes) -> bool:
    sender.send(frame)
    try:
        return len(receiver.recv(2)) == 1
    except BlockingIOError:
        return False


def ether(mac: str = MAC) -> Packet:
    return Ether(src="02:00:00:00:00:01", dst=mac)


def ipv4(destination: str, *tags: int, source: str = "198.18.0.1") -> bytes:
    """A UDP frame with VLAN tags of the EtherTypes ``tags``."""
    frame = ether()
    for tag in tags:
        frame.lastlayer().type = tag
        frame /= Dot1Q(vlan=7)
    frame.lastlayer().type = 0x0800
    return bytes(frame / IP(src=source, dst=destination) / UDP() / Raw(bytes(36)))


def ipv6(destination: str) -> bytes:
    return bytes(ether() / IPv6(src="2001:2::1", dst=destination) / UDP())


@pytest.mark.parametrize("tags", [(), (0x8100,), (0x88A8, 0x8100), (0x9100,), (0x9100, 0x8100, 0x8100)])
def test_an_ipv4_destination_behind_any_usual_tags(tags):
    frames = [ipv4("198.19.0.1", *tags), ipv4("198.19.0.2", *tags), ipv4("198.19.0.9", *tags, source="198.19.0.1")]
    assert accepted(frames, ["198.19.0.1"]) == [True, False, False]


def test_destinations_of_several_kinds():
    frames = [
        ipv4("198.19.0.1"),
        ipv4("198.18.7.255"),
        ipv4("198.18.8.0"),
        ipv6("2001:2::1"),
        ipv6("2001:2::2"),
        ipv6("2001:2:0:1:ffff::1"),
        ipv6("2001:2:0:2::1"),
        bytes(ether() / ARP()),
        bytes(ether(OTHER_MAC) / ARP()),
        bytes(Dot3(dst=MAC, src=OTHER_MAC) / LLC() / SNAP(code=0x0800) / IP(dst="198.19.0.1")),
    ]
    destinations = ["198.19.0.1", "198.18.0.0/21", "2001:2::1", "2001:2:0:1::/64", MAC.upper()]
    assert accepted(frames, destinations) == [True, True, False, True, False, True, False, True, False, True]
    # A MAC stands for frames without IP alone, and an address for its own version alone.
    assert accepted(frames, [MAC]) == [*(False,) * 7, True, False, True]
    assert accepted(frames, ["::/0"]) == [*(False,) * 3, *(True,) * 4, *(False,) * 3]
    assert accepted(frames, ["0.0.0.0/0"]) == [*(True,) * 3, *(False,) * 7]


def test_both_directions_of_a_capture():
    there, back = ipv4("198.19.0.1", source="198.18.0.1"), ipv4("198.18.0.1", source="198.19.0.1")
    assert accepted([there, back], ["198.19.0.1"]) == [True, False]
    assert accepted([there, back], ["198.19.0.1", "198.18.0.1"]) == [True, True]


def test_a_frame_that_ends_before_its_destination_is_rejected():
    frame = ipv4("198.19.0.1")
    assert accepted([frame[:34], frame[:33], frame[:14], frame[:12]], ["198.19.0.1"]) == [True, False, False, False]


@pytest.mark.parametrize("vlan_tags", [0, 1])
@pytest.mark.parametrize("length", [42, 46, 60, 78])
def test_a_frame_counts_as_the_path_may_have_changed_it(length, vlan_tags):
    sent = ipv4("198.19.0.1", *(0x8100,) * vlan_tags)[:length].ljust(length, b"\0")
    untagged = sent[:12] + sent[16:] if vlan_tags else sent
    arriving = [sent, untagged, sent.ljust(60, b"\0"), untagged.ljust(60, b"\0"), untagged.ljust(60, b"\0") + b"FCS4"]
    lengths = accepted_lengths(length, length, vlan_tags)
    assert accepted(arriving, ["198.19.0.1"], lengths) == [True] * 5
    foreign = [sent + bytes(1), sent + bytes(7), sent + bytes(400)]
    assert accepted(foreign, ["198.19.0.1"], lengths) == [False] * 3


def test_hundreds_of_destinations_are_told_apart():
    wanted = [f"198.18.{number}.9" for number in range(MOST_NETWORKS)]
    frames = [*map(ipv4, wanted), *(ipv4(f"198.18.{number}.8") for number in range(MOST_NETWORKS))]
    assert accepted(frames, wanted) == [True] * MOST_NETWORKS + [False] * MOST_NETWORKS
    wanted = [f"2001:2:{number:x}::{number + 1:x}:9" for number in range(MOST_NETWORKS)]
    frames = [*map(ipv6, wanted), *(ipv6(one.replace(":9", ":8")) for one in wanted)]
    assert accepted(frames, wanted) == [True] * MOST_NETWORKS + [False] * MOST_NETWORKS


def test_thousands_of_destinations_are_combined_and_all_accepted():
    wanted = [str(ipaddress.IPv4Address(0xC6120000 + 5 * number)) for number in range(5000)]
    assert all(accepted([*map(ipv4, wanted[::97])], wanted))
    assert accepted([ipv4("203.0.113.1")], wanted) == [False]
    assert len(Destinations.of(wanted).ipv4) <= MOST_NETWORKS


def test_the_longest_program_is_one_that_the_kernel_loads():
    ipv4_each = [f"{1 + number}.{number}.3.1" for number in range(MOST_NETWORKS)]
    ipv6_each = [f"{0x2000 + 7 * number:x}:{number:x}::1" for number in range(MOST_NETWORKS)]
    macs = [f"{2 * number:02x}:00:00:{number:02x}:00:01" for number in range(MOST_MACS)]
    everything = [*ipv4_each, *ipv6_each, *macs]
    assert len(compiled(Destinations.of(everything), ANY_LENGTH)) // 8 < MOST_INSTRUCTIONS
    frames = [ipv4(ipv4_each[-1]), ipv6(ipv6_each[-1]), bytes(ether(macs[-1]) / ARP()), ipv6("2001:2::1")]
    assert accepted(frames, everything) == [True, True, True, False]


@pytest.mark.parametrize(
    ("destinations", "message"),
    [
        ([], "destination: is missing"),
        (["198.19.0.1", "example"], "destination 'example': is not an IP address, a network or a MAC"),
        (["02-00-00-00-00-02"], "is not an IP address"),
        ([f"02:00:00:00:01:{number:02x}" for number in range(MOST_MACS + 1)], "are 51 MAC addresses, more than 50"),
    ],
)
def test_destinations_that_are_not_usable(destinations, message):
    with pytest.raises(InputError, match=message):
        Destinations.of(destinations)


def test_what_is_counted_in_words():
    one = Destinations.of(["198.19.0.1"])
    assert describe(one, accepted_lengths(78, 78)) == "IPv4 to 198.19.0.1, 78 or 82 B"
    several = Destinations.of(["2001:2::/48", MAC, *(f"198.19.0.{number}" for number in range(1, 20, 2))])
    assert several.in_words() == (
        f"IPv4 to 198.19.0.1, 198.19.0.3, 198.19.0.5 and 7 more, IPv6 to 2001:2::/48, others to {MAC}"
    )
