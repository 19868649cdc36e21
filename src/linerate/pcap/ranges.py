"""The addresses and ports of a generated pcap as ranges, and the order of its frame lengths."""

from __future__ import annotations

import ipaddress
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from ..errors import InputError

_EXAMPLES = {4: "198.18.0.1 or 198.18.0.0/24", 6: "2001:2::1 or 2001:2::/64"}
_RESERVED = {4: "198.18.0.0/15 (RFC 2544)", 6: "2001:2::/48 (RFC 5180)"}
_BROADCAST = ipaddress.IPv4Address("255.255.255.255")


class Range(NamedTuple):
    """``size`` successive numbers from ``first``."""

    first: int
    size: int

    def used(self, flows: int) -> Range:
        """The part that the first ``flows`` flows use."""
        return Range(self.first, min(self.size, flows))


def address_range(name: str, text: str, version: int) -> tuple[str, Range]:
    """The normalised text and the hosts of an address or a network. InputError where it is not of IP ``version``."""
    try:
        network = ipaddress.ip_network(text.strip())
        reason = "" if network.version == version else f" (it is of IPv{network.version})"
    except ValueError as error:
        reason = f" ({error})"
    if reason:
        rule = f"must be an IPv{version} address or network{reason}"
        raise InputError(name, text, rule, f"Use the form {_EXAMPLES[version]}.")
    first, size = int(network.network_address), network.num_addresses
    if network.prefixlen < network.max_prefixlen - 1:
        # The first address is the network's, in IPv6 that of any router; the last one in IPv4 is for broadcasts.
        first, size = first + 1, size - (2 if version == 4 else 1)
    for address in (network.network_address, network.broadcast_address):
        if address.is_multicast or address.is_unspecified or address == _BROADCAST:
            raise InputError(name, text, "must be the address of one host", f"Use one of {_RESERVED[version]}.")
    return str(network.network_address if network.num_addresses == 1 else network), Range(first, size)


def networks(used: Range, version: int) -> list[str]:
    """The addresses of a range, as addresses and as few networks as hold exactly these."""
    last = used.first + used.size - 1
    found: Iterable[ipaddress.IPv4Network | ipaddress.IPv6Network]
    if version == 4:
        found = ipaddress.summarize_address_range(ipaddress.IPv4Address(used.first), ipaddress.IPv4Address(last))
    else:
        found = ipaddress.summarize_address_range(ipaddress.IPv6Address(used.first), ipaddress.IPv6Address(last))
    return [str(one.network_address if one.num_addresses == 1 else one) for one in found]


def most_flows(ranges: Sequence[Range]) -> int:
    """The number of different flows where all ranges advance together, each from its start again after its end."""
    return math.lcm(*(one.size for one in ranges))


def spread(weights: Mapping[int, int]) -> tuple[int, ...]:
    """One cycle of the keys, each as often as its weight (in lowest terms), evenly spread: {1: 2, 2: 1} is 1, 2, 1."""
    common = math.gcd(*weights.values())
    shares = {one: weight // common for one, weight in weights.items()}
    total = sum(shares.values())
    due = dict.fromkeys(shares, 0)
    order = []
    for _ in range(total):
        due = {one: waiting + shares[one] for one, waiting in due.items()}
        chosen = max(due, key=lambda one: due[one])
        due[chosen] -= total
        order.append(chosen)
    return tuple(order)
