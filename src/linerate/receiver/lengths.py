"""The lengths that a sent frame may have when it arrives. All lengths are in bytes, as sent without FCS."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ..units import FCS, MIN_FRAME, VLAN_TAG

Range = tuple[int, int]
"""The lowest and the highest value, both included."""


def accepted_lengths(shortest: int, longest: int, vlan_tags: int = 0) -> tuple[Range, ...]:
    """The lengths, in ascending ranges, at which frames of ``shortest`` to ``longest`` bytes may arrive.

    Each of at most ``vlan_tags`` VLAN tags may be removed: the kernel removes the outermost before it shows a frame to
    packet sockets, a switch those of its VLANs. What is then shorter than an Ethernet frame may be padded, before or
    after a tag is removed (IEEE 802.3, 4.2.3.3). An interface with the feature rx-fcs keeps the FCS.
    """
    removed = [VLAN_TAG * tags for tags in range(vlan_tags + 1)]
    ranges = [(max(0, shortest - less), max(0, longest - less)) for less in removed]
    if shortest - removed[-1] < MIN_FRAME:
        ranges += [(MIN_FRAME - less, MIN_FRAME - less) for less in removed]
    return joined([*ranges, *((low + FCS, high + FCS) for low, high in ranges)])


def joined(ranges: Iterable[Range]) -> tuple[Range, ...]:
    """The same values in ascending ranges that neither overlap nor touch."""
    found: list[Range] = []
    for low, high in sorted(ranges):
        if found and low <= found[-1][1] + 1:
            found[-1] = found[-1][0], max(found[-1][1], high)
        else:
            found.append((low, high))
    return tuple(found)


def in_words(ranges: Sequence[Range]) -> str:
    """For people: ``60 to 1518 B``, ``78 or 82 B``."""
    texts = [f"{low}" if low == high else f"{low} to {high}" for low, high in ranges]
    return " or ".join(filter(None, (", ".join(texts[:-1]), texts[-1]))) + " B"
