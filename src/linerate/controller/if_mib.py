"""Count at a receiver by its agent's IF-MIB: 64-bit counters (RFC 2863), which may be some seconds old.

An agent copies the counters of an interface periodically, and answers from the copy. The period is measured: each query
is traffic itself, so the counters of the interface that carries the queries move with every copy. A reading is then
taken when the counters have settled, which means that they have not moved for longer than the period.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Callable, Protocol

from ..errors import HostError
from ..nic.counters import FRAME_BYTES, WRAPPED, contradiction, wraps_at_32_bits
from ..units import ETHERNET_HEADER, FCS, MIN_FRAME, PREAMBLE_AND_GAP, VLAN_TAG

METHOD = "if_mib"

_SYS_DESCR, _SYS_UPTIME, _SYS_NAME = "1.3.6.1.2.1.1.1.0", "1.3.6.1.2.1.1.3.0", "1.3.6.1.2.1.1.5.0"
_NAMES = {"ifName": "1.3.6.1.2.1.31.1.1.1.1", "ifDescr": "1.3.6.1.2.1.2.2.1.2", "ifAlias": "1.3.6.1.2.1.31.1.1.1.18"}
_INDEX = "ifIndex"
_OCTETS = "1.3.6.1.2.1.31.1.1.1.6"
_PACKETS = ("ifHCInUcastPkts", "ifHCInMulticastPkts", "ifHCInBroadcastPkts")
_COLUMNS = {
    "ifHCInOctets": (_OCTETS, 64),
    "ifHCInUcastPkts": ("1.3.6.1.2.1.31.1.1.1.7", 64),
    "ifHCInMulticastPkts": ("1.3.6.1.2.1.31.1.1.1.8", 64),
    "ifHCInBroadcastPkts": ("1.3.6.1.2.1.31.1.1.1.9", 64),
    "ifInDiscards": ("1.3.6.1.2.1.2.2.1.13", 32),
    "ifInErrors": ("1.3.6.1.2.1.2.2.1.14", 32),
}
"""The OID and the number of bits of each counter of an interface."""
_LONG_BITS = 64
_DISCONTINUITY = "1.3.6.1.2.1.31.1.1.1.19"

POLL_SECONDS = 0.25
GAPS = 3
"""The number of intervals between two steps of a counter that are measured."""
PATIENCE_SECONDS = 100.0
ASSUMED_REFRESH_SECONDS = 30.0
WATCHED_INTERFACES = 30
SHORTEST_REST_SECONDS = 1.0
OTHER_PACKETS, OTHER_SHARE = 20, 0.001
"""Packets of other traffic during a trial: how many, and which share of all."""
TICKS = 100
"""Ticks of sysUpTime per second."""


class Queried(Protocol):
    """The part of an agent that this module uses."""

    def get(self, oids: Sequence[str]) -> dict[str, Any]: ...
    def walk(self, column: str) -> dict[str, Any]: ...


@dataclass(frozen=True)
class Clock:
    """Reads the time and sleeps, in seconds."""

    now: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep


def describe(agent: Queried) -> dict[str, Any]:
    """The agent's sysDescr and sysName."""
    values = agent.get([_SYS_DESCR, _SYS_NAME])
    return {"description": values.get(_SYS_DESCR), "name": values.get(_SYS_NAME)}


def find_interface(agent: Queried, interface: str) -> int:
    """The ifIndex of ``interface`` by its ifName, else its ifDescr, else its ifAlias.

    ``ifIndex=7``, ``ifDescr=Port 1`` and the like name the column to search. HostError if no interface matches, or
    several, or it has no 64-bit counters; it lists the interfaces of the agent.
    """
    columns, name = _searched(interface)
    seen: dict[str, str] = {}
    for column in columns:
        names = _names(agent, column)
        matching = [index for index, found in names.items() if found == name]
        if len(matching) > 1:
            raise _ambiguous(agent, interface, column, matching)
        if matching:
            return _with_counters(agent, interface, int(matching[0]))
        seen = seen or {index: found for index, found in names.items() if found}
    by_index = [f"{_INDEX}={name}"] if name in seen else []
    hint = f"Use one that the agent has: {', '.join([*seen.values(), *by_index]) or 'none'}."
    raise HostError("interface", interface, "is not known to the agent", hint)


def _searched(interface: str) -> tuple[Sequence[str], str]:
    """The columns to search, in their order, and the name to find there."""
    column, given, name = interface.partition("=")
    if given and column in (_INDEX, *_NAMES):
        return [column], name.strip()
    return list(_NAMES), interface.strip()


def _names(agent: Queried, column: str) -> dict[str, str]:
    """The names of all interfaces by ifIndex, as ``column`` has them; ifIndex is a name as well."""
    names = agent.walk(_NAMES["ifDescr" if column == _INDEX else column])
    return {index: index if column == _INDEX else str(name).strip() for index, name in names.items()}


def _ambiguous(agent: Queried, interface: str, column: str, indices: Sequence[str]) -> HostError:
    descriptions = _names(agent, "ifDescr")
    choices = [f"{_INDEX}={index} (ifDescr={descriptions.get(index, '')})" for index in indices]
    rule = f"is the {column} of {len(indices)} interfaces of the agent"
    return HostError("interface", interface, rule, f"Name one by ifIndex or ifDescr: {', '.join(choices)}.")


def _with_counters(agent: Queried, interface: str, index: int) -> int:
    needed = [f"{_COLUMNS[name][0]}.{index}" for name in ("ifHCInOctets", "ifHCInUcastPkts")]
    if len(agent.get(needed)) < len(needed):
        hint = "Use an agent with IF-MIB's ifXTable, by SNMP version 2c or 3, or another kind of witness."
        raise HostError("interface", interface, "has no 64-bit counters (ifHCInUcastPkts) at the agent", hint)
    return index


def find_refresh(agent: Queried, index: int, clock: Clock | None = None) -> tuple[float, str]:
    """How old a counter may be, in seconds, and whether that is ``measured`` or ``assumed``.

    It is the longest time between two steps of the busiest octet counter, plus the longest time between two queries.
    """
    clock = clock or Clock()
    indices = sorted(map(int, agent.walk(_OCTETS)), key=lambda one: one != index)[:WATCHED_INTERFACES]
    oids = [f"{_OCTETS}.{one}" for one in indices]
    begin = queried = clock.now()
    slowest, busiest = 0.0, list[float]()
    first = last = agent.get(oids)
    steps: dict[str, list[float]] = {oid: [] for oid in first}
    while clock.now() - begin < PATIENCE_SECONDS:
        clock.sleep(POLL_SECONDS)
        seen, now = agent.get(oids), clock.now()
        slowest, queried = max(slowest, now - queried), now
        for oid, times in steps.items():
            if seen.get(oid) != last.get(oid):
                times.append(now)
        last = seen
        busiest = steps[max(steps, key=lambda oid: last.get(oid, 0) - first[oid])]
        if len(busiest) > GAPS:
            break
    gaps = [later - sooner for sooner, later in zip(busiest, busiest[1:])]
    if not gaps:
        return ASSUMED_REFRESH_SECONDS, "assumed"
    return math.ceil(10 * (max(gaps) + slowest)) / 10, "measured"


def read_at_rest(agent: Queried, index: int, refresh_seconds: float, clock: Clock | None = None) -> dict[str, Any]:
    """The counters once they have settled, so that they include all traffic up to the call.

    ``settled`` is False if they never did, because of other traffic.
    """
    clock = clock or Clock()
    rest = max(SHORTEST_REST_SECONDS, refresh_seconds + 2 * POLL_SECONDS)
    begin = since = clock.now()
    seen = _read(agent, index)
    while True:
        clock.sleep(POLL_SECONDS)
        again, now = _read(agent, index), clock.now()
        if any(again["counters"][name] != seen["counters"].get(name) for name in again["counters"]):
            since = now
        seen = again
        settled = now - since >= rest
        if settled or now - begin >= 4 * rest:
            return {**seen, "settled": settled, "at": now}


def _read(agent: Queried, index: int) -> dict[str, Any]:
    oids = {name: f"{oid}.{index}" for name, (oid, _) in _COLUMNS.items()}
    discontinuity = f"{_DISCONTINUITY}.{index}"
    answer = agent.get([*oids.values(), discontinuity, _SYS_UPTIME])
    counters = {name: answer[oid] for name, oid in oids.items() if isinstance(answer.get(oid), int)}
    changing = {"discontinuity": answer.get(discontinuity), "uptime": answer.get(_SYS_UPTIME)}
    return {"counters": counters, "ifindex": index, **changing}


def count(
    before: Mapping[str, Any], after: Mapping[str, Any], interface: str, frame_lengths: tuple[int, int] | None = None
) -> dict[str, Any]:
    """The count between two readings as the report of a witness; not ``usable``, with a reason, if they do not compare.

    A counter may wrap; one that decreases by more than half its range was reset. Packets and octets must agree with
    each other and with the ``frame_lengths`` of the trial, its shortest and longest in bytes without FCS.
    """
    moved: dict[str, int] = {}
    reason = _broken(before, after)
    for name, now in after["counters"].items():
        bits, then = _COLUMNS[name][1], before["counters"].get(name, now)
        by = (now - then) % 2**bits
        if by >= 2 ** (bits - 1):
            wrapped = bits == _LONG_BITS and wraps_at_32_bits(then)
            reason = reason or f"{name} decreased from {then:,} to {now:,}{WRAPPED if wrapped else ''}"
        moved[name] = by
    packets = sum(moved.get(name, 0) for name in _PACKETS)
    names = "+".join(name for name in _PACKETS if name in moved)
    settled = bool(before["settled"] and after["settled"])
    reason = reason or _contradiction(packets, moved.get("ifHCInOctets"), frame_lengths, settled)
    return {
        "usable": reason is None,
        "reason": reason,
        "settled": settled,
        "witness": {"method": METHOD, "packets": packets, "matches": f"all into {interface}: {names}"}
        if not reason
        else None,
        "nic": None,
        "counters": {"IF-MIB": moved} if not reason else {},
        "samples": [],
    }


def _contradiction(
    packets: int, octets: int | None, frame_lengths: tuple[int, int] | None, settled: bool
) -> str | None:
    """Why the interface cannot have received both counts of the trial's frames, apart from a few others."""
    if octets is None:
        return "the agent has no ifHCInOctets to check the packets by"
    shortest, longest = frame_lengths or FRAME_BYTES
    # Agents count octets with or without the Ethernet header, tags and FCS, and some with all that occupies the link.
    low = max(1, shortest - ETHERNET_HEADER - 2 * VLAN_TAG)
    high = max(longest, MIN_FRAME) + 2 * VLAN_TAG + FCS + PREAMBLE_AND_GAP
    others = OTHER_PACKETS + OTHER_SHARE * packets
    # Where counters have settled, a packet of any length is in both.
    one_stands = settled and not (packets and octets)
    reason = contradiction(packets, octets, (low, high), 0 if one_stands else others)
    return f"its counters contradict each other, or other traffic arrives: {reason}" if reason else None


def _broken(before: Mapping[str, Any], after: Mapping[str, Any]) -> str | None:
    """Why two readings do not compare; None if they do."""
    if missing := before["counters"].keys() - after["counters"].keys():
        return f"the interface lost {', '.join(sorted(missing))} between the readings"
    if before["ifindex"] != after["ifindex"]:
        return f"the interface's ifIndex changed from {before['ifindex']} to {after['ifindex']}"
    if before["discontinuity"] != after["discontinuity"]:
        return f"ifCounterDiscontinuityTime changed from {before['discontinuity']} to {after['discontinuity']}"
    elapsed = ((after["uptime"] or 0) - (before["uptime"] or 0)) % 2**32 / TICKS
    # Modulo 2^32 a decrease is a large increase, up to 497 days.
    if elapsed > 2 * (after["at"] - before["at"]) + 60:
        return f"the agent was restarted: sysUpTime went from {before['uptime']} to {after['uptime']}"
    return None
