"""A classic BPF program that accepts the frames to given destinations (Documentation/networking/filter.rst).

Addresses are found by binary search, so that hundreds of them take about ten comparisons per frame.
"""

from __future__ import annotations

import ipaddress
import re
import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar, Union

from ..errors import InputError
from .lengths import Range, in_words

Network = Union[ipaddress.IPv4Network, ipaddress.IPv6Network]
OneVersion = TypeVar("OneVersion", ipaddress.IPv4Network, ipaddress.IPv6Network)
Instruction = tuple[int, int, int, int]
"""Operation, the instructions to skip if a comparison is true and if it is false, and the operand."""
Code = list[Instruction]

# include/uapi/linux/bpf_common.h: class | size or operation | mode or source. IND is relative to the register X.
_LOAD_WORD, _LOAD_WORD_IND, _LOAD_HALF, _LOAD_HALF_IND, _LOAD_LENGTH = 0x20, 0x40, 0x28, 0x48, 0x80
_SET_X, _A_TO_X, _X_TO_A, _ADD = 0x01, 0x07, 0x87, 0x04
_JUMP, _JUMP_EQUAL, _JUMP_GREATER_EQUAL, _JUMP_GREATER, _RETURN = 0x05, 0x15, 0x35, 0x25, 0x06
ACCEPT: Instruction = (_RETURN, 0, 0, 1)
"""Keeps one byte of the frame."""
REJECT: Instruction = (_RETURN, 0, 0, 0)

# include/uapi/linux/if_ether.h
_ETH_P_IP, _ETH_P_IPV6 = 0x0800, 0x86DD
_VLAN_TYPES = (0x8100, 0x88A8, 0x9100)
_TYPE_OFFSET, _TAG_BYTES = 12, 4
MOST_TAGS = 3
"""VLAN tags of a frame that are skipped."""
_WORD = 32
_IPV4_WORDS = ((_LOAD_WORD_IND, 30, _WORD),)
_IPV6_WORDS = tuple((_LOAD_WORD_IND, offset, _WORD) for offset in (38, 42, 46, 50))
_MAC_WORDS = ((_LOAD_WORD, 0, _WORD), (_LOAD_HALF, 4, 16))
_MAC_BITS = 48

MOST_NETWORKS = 150
"""The most IP networks of each version that the filter has; the kernel accepts 4,096 instructions (BPF_MAXINSNS)."""
MOST_MACS = 50
_NAMED = 3
"""Destinations that a text names."""
_MAC = re.compile(r"(?:[0-9a-f]{2}:){5}[0-9a-f]{2}")


@dataclass(frozen=True)
class Destinations:
    """Where frames go: IPv4 and IPv6 networks, and the MACs of frames that carry neither.

    More than :data:`MOST_NETWORKS` networks are combined into larger ones.
    """

    ipv4: tuple[ipaddress.IPv4Network, ...]
    ipv6: tuple[ipaddress.IPv6Network, ...]
    macs: tuple[str, ...]

    @classmethod
    def of(cls, texts: Iterable[str]) -> Destinations:
        """Parse addresses and networks. InputError names one that is neither these nor a MAC, and an empty list."""
        macs, networks = set(), []
        for text in texts:
            lower = str(text).strip().lower()
            if _MAC.fullmatch(lower):
                macs.add(lower)
            else:
                networks.append(_network(text, lower))
        if not macs and not networks:
            raise InputError("destination", None, "is missing", "Set the address that the frames are sent to.")
        if len(macs) > MOST_MACS:
            rule = f"are {len(macs):,} MAC addresses, more than {MOST_MACS}"
            raise InputError("destinations", None, rule, "Send frames without IP to fewer MAC addresses.")
        ipv4 = [one for one in networks if isinstance(one, ipaddress.IPv4Network)]
        ipv6 = [one for one in networks if isinstance(one, ipaddress.IPv6Network)]
        return cls(_combined(ipv4), _combined(ipv6), tuple(sorted(macs)))

    def in_words(self) -> str:
        """For people: ``IPv4 to 198.19.0.1, IPv6 to 2001:2::/48, others to 02:00:00:00:00:02``."""
        kinds = (("IPv4", _texts(self.ipv4)), ("IPv6", _texts(self.ipv6)), ("others", self.macs))
        return ", ".join(f"{kind} to {shortened(texts)}" for kind, texts in kinds if texts)


def shortened(texts: Sequence[str]) -> str:
    """The first of ``texts``, and how many more there are."""
    if len(texts) <= _NAMED:
        return " and ".join(filter(None, (", ".join(texts[:-1]), *texts[-1:])))
    return f"{', '.join(texts[:_NAMED])} and {len(texts) - _NAMED:,} more"


def describe(destinations: Destinations, lengths: Sequence[Range]) -> str:
    """Which frames the program of :func:`compiled` accepts, for people."""
    return f"{destinations.in_words()}, {in_words(lengths)}"


def compiled(destinations: Destinations, lengths: Sequence[Range]) -> bytes:
    """The program that accepts frames of one of ``lengths`` to one of ``destinations``."""
    by_length = [(_LOAD_LENGTH, 0, 0, 0), *_search([(low, high, [ACCEPT]) for low, high in lengths])]
    code = _continued(by_length, [*_skip_tags(), *_by_type(destinations)])
    return b"".join(struct.pack("=HBBI", *instruction) for instruction in code)


def _network(given: str, text: str) -> Network:
    try:
        return ipaddress.ip_network(text, strict=False)
    except ValueError as error:
        hint = "Use one such as 198.19.0.1, 198.18.0.0/15, 2001:2::1 or 02:00:00:00:00:02."
        raise InputError("destination", given, "is not an IP address, a network or a MAC", hint) from error


def _combined(networks: Iterable[OneVersion]) -> tuple[OneVersion, ...]:
    """The networks in ascending order without overlaps, at most :data:`MOST_NETWORKS`."""
    found = list(ipaddress.collapse_addresses(networks))
    while len(found) > MOST_NETWORKS:
        shorter = max(network.prefixlen for network in found) - 1
        larger = (one.supernet(new_prefix=shorter) if one.prefixlen > shorter else one for one in found)
        found = list(ipaddress.collapse_addresses(larger))
    return tuple(found)


def _texts(networks: Iterable[Network]) -> list[str]:
    return [str(one.network_address if one.prefixlen == one.max_prefixlen else one) for one in networks]


def _skip_tags() -> Code:
    """Load the EtherType after the VLAN tags; X becomes the number of their bytes."""
    code: Code = [(_SET_X, 0, 0, 0), (_LOAD_HALF_IND, 0, 0, _TYPE_OFFSET)]
    next_tag = [(_X_TO_A, 0, 0, 0), (_ADD, 0, 0, _TAG_BYTES), (_A_TO_X, 0, 0, 0), (_LOAD_HALF_IND, 0, 0, _TYPE_OFFSET)]
    one_tag = len(_VLAN_TYPES) + len(next_tag)
    for later in reversed(range(MOST_TAGS)):
        end = later * one_tag + len(next_tag)
        first, second, third = _VLAN_TYPES
        code += [(_JUMP_EQUAL, 2, 0, first), (_JUMP_EQUAL, 1, 0, second), (_JUMP_EQUAL, 0, end, third), *next_tag]
    return code


def _by_type(destinations: Destinations) -> Code:
    """Accept or reject a frame whose EtherType is loaded."""
    ipv4 = [(int(one.network_address), one.prefixlen) for one in destinations.ipv4]
    ipv6 = [(int(one.network_address), one.prefixlen) for one in destinations.ipv6]
    macs = [(int(mac.replace(":", ""), 16), _MAC_BITS) for mac in destinations.macs]
    other = _if_equal(_ETH_P_IPV6, _prefixes(_IPV6_WORDS, ipv6), _prefixes(_MAC_WORDS, macs))
    return _if_equal(_ETH_P_IP, _prefixes(_IPV4_WORDS, ipv4), other)


def _if_equal(value: int, then: Code, otherwise: Code) -> Code:
    return [(_JUMP_EQUAL, 1, 0, value), (_JUMP, 0, 0, len(then)), *then, *otherwise]


def _prefixes(words: Sequence[tuple[int, int, int]], prefixes: Sequence[tuple[int, int]]) -> Code:
    """Accept an address that begins with one of ``prefixes``: the first address and the number of bits.

    ``words`` are the loads that read the address: operation, offset and bits. The prefixes do not overlap.
    """
    if not prefixes:
        return [REJECT]
    (operation, offset, bits), later_words = words[0], words[1:]
    later_bits = sum(width for _, _, width in later_words)
    choices: dict[Range, list[tuple[int, int]]] = {}
    for address, length in prefixes:
        low = address >> later_bits
        high = low | (1 << max(0, bits - length)) - 1
        later = choices.setdefault((low, high), [])
        if length > bits:
            later.append((address & (1 << later_bits) - 1, length - bits))
    leaves = [
        (low, high, _prefixes(later_words, later) if later else [ACCEPT])
        for (low, high), later in sorted(choices.items())
    ]
    return [(operation, 0, 0, offset), *_search(leaves)]


def _search(leaves: Sequence[tuple[int, int, Code]]) -> Code:
    """Run the code of the range that contains the loaded value, else reject. The ranges are in ascending order."""
    if len(leaves) > 1:
        middle = len(leaves) // 2
        below, above = _search(leaves[:middle]), _search(leaves[middle:])
        # A comparison skips at most 255 instructions, a jump any number.
        return [(_JUMP_GREATER_EQUAL, 0, 1, leaves[middle][0]), (_JUMP, 0, 0, len(below)), *below, *above]
    ((low, high, code),) = leaves
    if low == high:
        return [(_JUMP_EQUAL, 1, 0, low), REJECT, *code]
    return [(_JUMP_GREATER_EQUAL, 0, 1, low), (_JUMP_GREATER, 0, 1, high), REJECT, *code]


def _continued(code: Code, following: Code) -> Code:
    """``code``, which goes on with ``following`` where it would accept."""
    last = len(code) - 1
    patched = ((_JUMP, 0, 0, last - at) if one == ACCEPT else one for at, one in enumerate(code))
    return [*patched, *following]
