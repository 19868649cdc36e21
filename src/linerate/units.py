"""Frame lengths, line rate, and the three ways to count bits.

Lengths are in bytes, rates in bit/s. The word before the unit tells which bits count:

* *pcap*: the frame as in a pcap file, without FCS (tcpreplay's "Mbps");
* *L2*: the frame with its 4 byte FCS (RFC 1242 section 3.7, RFC 2544 frame size);
* *L1*: the frame with FCS, 8 byte preamble and start delimiter, and 12 byte inter-frame gap
  (IEEE 802.3): everything that occupies the link.
"""

from __future__ import annotations

from dataclasses import dataclass

from .errors import InputError

ETHERNET_HEADER = 14
VLAN_TAG = 4
FCS = 4
PREAMBLE_AND_GAP = 20
MIN_FRAME = 60
"""The shortest Ethernet frame without FCS; shorter frames are padded on the wire."""

MBIT = 1_000_000
GBIT = 1_000_000_000
"""In bits, decimal (IEC 80000-13); a byte (B) has 8 bits."""


def frame_length(ip_length: int, vlan: bool = False) -> int:
    """Length of the frame in a pcap, in bytes, for an IP packet of ``ip_length`` bytes."""
    return ETHERNET_HEADER + (VLAN_TAG if vlan else 0) + ip_length


def l1_bits(mean_frame_length: float) -> float:
    """Bits that a frame of this pcap length (bytes) occupies on the link."""
    return 8 * (max(mean_frame_length, MIN_FRAME) + FCS + PREAMBLE_AND_GAP)


def line_rate_pps(link_bps: float, mean_frame_length: float) -> float:
    """Frames per second at the line rate of ``link_bps`` bit/s (RFC 2544 section 20)."""
    if link_bps <= 0:
        raise InputError("link speed", link_bps, "must be more than 0 bit/s", "Set the link speed in bit/s.")
    return link_bps / l1_bits(mean_frame_length)


def megabits(bps: float) -> float:
    """Mbit/s of a rate in bit/s; the caller defines which bits count."""
    return bps / MBIT


def megabytes(bps: float) -> float:
    """MB/s (10^6 bytes per second) of a rate in bit/s."""
    return bps / (8 * MBIT)


def pcap_bps(pps: float, mean_frame_length: float) -> float:
    """Bit/s of pcap bytes at ``pps`` frames per second of this pcap length (bytes)."""
    return pps * 8 * mean_frame_length


def pps_of_pcap_mbps(mbps: float, mean_frame_length: float) -> float:
    """Frames per second that tcpreplay sends at ``mbps``, in 10^6 bit/s of pcap bytes."""
    return mbps * MBIT / (8 * mean_frame_length)


@dataclass(frozen=True)
class Rates:
    """A packet rate in all units. ``line_rate_percent`` is None if the link speed is unknown."""

    pps: float
    pcap_bps: float
    l2_bps: float
    l1_bps: float
    line_rate_percent: float | None


def rates(pps: float, mean_frame_length: float, link_bps: float | None) -> Rates:
    """The rates of ``pps`` frames per second of a mean pcap length (bytes), on a link of ``link_bps``."""
    l1_bps = pps * l1_bits(mean_frame_length)
    return Rates(
        pps=pps,
        pcap_bps=pcap_bps(pps, mean_frame_length),
        l2_bps=pps * 8 * (max(mean_frame_length, MIN_FRAME) + FCS),
        l1_bps=l1_bps,
        line_rate_percent=100 * l1_bps / link_bps if link_bps else None,
    )
