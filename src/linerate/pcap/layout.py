"""The order of the frames in a generated pcap: which stream and length each has.

Streams alternate packet by packet, and each goes through its cycle of frame lengths. So the frames repeat after a fixed
number of *slots*: all frames of a slot have the same template, and the same distance in the file.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice

from .ranges import networks
from .spec import PcapSpec

MOST_COUNTED_FLOWS = 1_000_000
"""The most flows of several streams that are counted one by one."""


@dataclass(frozen=True)
class Frame:
    """The frames of one stream that have the same length (bytes without FCS)."""

    stream: PcapSpec
    length: int

    @property
    def ip_length(self) -> int:
        """The IP total length in bytes."""
        return self.length - self.stream.ip_offset

    @property
    def payload_length(self) -> int:
        """Bytes after the TCP or UDP header."""
        return self.length - self.stream.headers

    def payload_bytes(self) -> bytes:
        """The payload of the template."""
        return self.stream.payload_bytes(self.length)


@dataclass(frozen=True)
class Slot:
    """A place in the repeating order: the frame of stream number ``part``, the ``turn``th of each round's ``turns``.

    The slot's frame number j is therefore packet number ``turn + turns * j`` of its stream.
    """

    frame: int
    part: int
    turn: int
    turns: int


@dataclass(frozen=True)
class Layout:
    """``frames`` are the kinds of frame, one template each; ``slots`` the order in which they repeat."""

    spec: PcapSpec
    frames: tuple[Frame, ...]
    slots: tuple[Slot, ...]

    @classmethod
    def of(cls, spec: PcapSpec) -> Layout:
        """The layout of the pcap of ``spec``."""
        found: dict[tuple[int, int], int] = {}
        slots = []
        for turn in range(spec.rounds):
            for part, stream in enumerate(spec.parts):
                length = stream.cycle[turn % len(stream.cycle)]
                frame = found.setdefault((part, length), len(found))
                slots.append(Slot(frame, part, turn, spec.rounds))
        return cls(spec, tuple(Frame(spec.parts[part], length) for part, length in found), tuple(slots))

    @property
    def lengths(self) -> list[int]:
        """The frame length of each slot, in bytes without FCS."""
        return [self.frames[slot.frame].length for slot in self.slots]

    @property
    def used_lengths(self) -> list[int]:
        """The frame lengths of the first packets, up to one of each slot."""
        return self.lengths[: self.spec.count]

    @property
    def bytes(self) -> int:
        """The sum of all frame lengths."""
        whole, rest = divmod(self.spec.count, len(self.slots))
        return whole * sum(self.lengths) + sum(self.lengths[:rest])

    def packets(self, part: int) -> int:
        """The packets of stream number ``part``."""
        return -(-(self.spec.count - part) // len(self.spec.parts))

    def flows(self) -> int:
        """Different flows by addresses, protocol and ports; of several streams at most MOST_COUNTED_FLOWS."""
        counts = [min(self.packets(part), stream.flow_count) for part, stream in enumerate(self.spec.parts)]
        if len(counts) == 1:
            return counts[0]
        flows: set[int] = set()
        for stream, count in zip(self.spec.parts, counts):
            ranges = stream.ranges.values()
            room = MOST_COUNTED_FLOWS - len(flows)
            all_flows = (
                hash((stream.protocol, *(one.first + number % one.size for one in ranges))) for number in range(count)
            )
            flows.update(islice(all_flows, room))
        return len(flows)

    def destinations(self) -> tuple[str, ...]:
        """The destination addresses that are used, as few addresses and networks as hold exactly these."""
        found: dict[str, None] = {}
        for part, stream in enumerate(self.spec.parts):
            used = stream.ranges["dst_ip"].used(min(self.packets(part), stream.flow_count))
            if used.size > 0:
                found.update(dict.fromkeys(networks(used, stream.ip_version)))
        return tuple(found)

    def outer_vlans(self) -> Sequence[int | None]:
        """The identifier of the outermost tag of each stream that has packets; None without a tag."""
        return [stream.tags[0] if stream.tags else None for stream in self.spec.parts[: self.spec.count]]

    def vlan_tags(self) -> int:
        """VLAN tags that a frame has at most."""
        return max(len(stream.tags) for stream in self.spec.parts[: self.spec.count])
