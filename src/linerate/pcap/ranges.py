"""The addresses and ports of a generated pcap as ranges, and the order of its frame lengths."""

from __future__ import annotations

import ipaddress
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple, Union

from ..errors import InputError

Network = Union[ipaddress.IPv4Network, ipaddress.IPv6Network]
Address = Union[ipaddress.IPv4Address, ipaddress.IPv6Address]
_BROADCAST = ipaddress.IPv4Address("255.255.255.255")


class Range(NamedTuple):
    """``size`` successive numbers from ``first``."""

    first: int
    size: int

    def used(self, flows: int) -> Range:
        """The part that the first ``flows`` flows use."""
        return Range(self.first, min(self.size, flows))


def parse_network(name: str, text: str) -> Network | Address:
    """The address or network in ``text``. InputError where it cannot be that of hosts."""
    try:
        network = ipaddress.ip_network(text.strip())
    except ValueError as error:
        reason = f" ({error})" if "host bits" in str(error) else ""
        hint = "Use the form 198.18.0.1, 198.18.0.0/24, 2001:2::1 or 2001:2::/64."
        raise InputError(name, text, f"must be an IP address or network{reason}", hint) from None
    for address in (network.network_address, network.broadcast_address):
        if address.is_multicast or address.is_unspecified or address == _BROADCAST:
            hint = "Use one of 198.18.0.0/15 (RFC 2544) or 2001:2::/48 (RFC 5180)."
            raise InputError(name, text, "must be the address of one host", hint)
    return network.network_address if network.num_addresses == 1 else network


def ip_version(text: str) -> int:
    """4 or 6, of an address or a network."""
    return ipaddress.ip_network(text).version


def hosts(text: str) -> Range:
    """The hosts of an address or network, as numbers."""
    network = ipaddress.ip_network(text)
    first, size = int(network.network_address), network.num_addresses
    if network.prefixlen < network.max_prefixlen - 1:
        # The first address is the network's, in IPv6 that of any router; the last one in IPv4 is for broadcasts.
        first, size = first + 1, size - (2 if network.version == 4 else 1)
    return Range(first, size)


def networks(used: Range, version: int) -> list[str]:
    """The addresses of a range, as addresses and as few networks as hold exactly these."""
    last = used.first + used.size - 1
    found: Iterable[Network]
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
