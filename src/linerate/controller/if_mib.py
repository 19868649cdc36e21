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

METHOD = "if_mib"

_SYS_DESCR, _SYS_UPTIME, _SYS_NAME = "1.3.6.1.2.1.1.1.0", "1.3.6.1.2.1.1.3.0", "1.3.6.1.2.1.1.5.0"
_NAMES = {"ifName": "1.3.6.1.2.1.31.1.1.1.1", "ifDescr": "1.3.6.1.2.1.2.2.1.2", "ifAlias": "1.3.6.1.2.1.31.1.1.1.18"}
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
_DISCONTINUITY = "1.3.6.1.2.1.31.1.1.1.19"

POLL_SECONDS = 0.25
GAPS = 3
"""The number of intervals between two steps of a counter that are measured."""
PATIENCE_SECONDS = 100.0
ASSUMED_REFRESH_SECONDS = 30.0
WATCHED_INTERFACES = 30
SHORTEST_REST_SECONDS = 1.0
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

    HostError if no interface matches, or several, or it has no 64-bit counters; it lists the interfaces of the agent.
    """
    seen: dict[str, str] = {}
    for column, oid in _NAMES.items():
        names = agent.walk(oid)
        matching = [index for index, name in names.items() if name == interface]
        if len(matching) > 1:
            rule = f"is the {column} of {len(matching)} interfaces of the agent"
            raise HostError("interface", interface, rule, "Use its ifName.")
        if matching:
            return _with_counters(agent, interface, int(matching[0]))
        seen = seen or names
    there = ", ".join(seen.values()) or "none"
    raise HostError("interface", interface, "is not known to the agent", f"Use one that the agent has: {there}.")


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
            return {**seen, "settled": settled, "at": time.time()}


def _read(agent: Queried, index: int) -> dict[str, Any]:
    oids = {name: f"{oid}.{index}" for name, (oid, _) in _COLUMNS.items()}
    discontinuity = f"{_DISCONTINUITY}.{index}"
    answer = agent.get([*oids.values(), discontinuity, _SYS_UPTIME])
    counters = {name: answer[oid] for name, oid in oids.items() if oid in answer}
    return {"counters": counters, "discontinuity": answer.get(discontinuity), "uptime": answer.get(_SYS_UPTIME)}


def count(before: Mapping[str, Any], after: Mapping[str, Any], interface: str) -> dict[str, Any]:
    """The count between two readings as the report of a witness; not ``usable``, with a reason, if they do not compare.

    A counter may wrap; one that decreases by more than half its range was reset.
    """
    moved: dict[str, int] = {}
    reason = _broken(before, after)
    for name, now in after["counters"].items():
        bits = _COLUMNS[name][1]
        by = (now - before["counters"].get(name, now)) % 2**bits
        if by >= 2 ** (bits - 1):
            reason = reason or f"{name} decreased from {before['counters'][name]:,} to {now:,}"
        moved[name] = by
    packets = sum(moved.get(name, 0) for name in _PACKETS)
    names = "+".join(name for name in _PACKETS if name in moved)
    return {
        "usable": reason is None,
        "reason": reason,
        "settled": bool(before["settled"] and after["settled"]),
        "witness": {"method": METHOD, "packets": packets, "matches": f"all into {interface}: {names}"}
        if not reason
        else None,
        "nic": None,
        "counters": {"IF-MIB": moved} if not reason else {},
        "samples": [],
    }


def _broken(before: Mapping[str, Any], after: Mapping[str, Any]) -> str | None:
    """Why two readings do not compare; None if they do."""
    if missing := before["counters"].keys() - after["counters"].keys():
        return f"the interface lost {', '.join(sorted(missing))} between the readings"
    if before["discontinuity"] != after["discontinuity"]:
        return f"ifCounterDiscontinuityTime changed from {before['discontinuity']} to {after['discontinuity']}"
    elapsed = ((after["uptime"] or 0) - (before["uptime"] or 0)) % 2**32 / TICKS
    # Modulo 2^32 a decrease is a large increase, up to 497 days.
    if elapsed > 2 * (after["at"] - before["at"]) + 60:
        return f"the agent was restarted: sysUpTime went from {before['uptime']} to {after['uptime']}"
    return None
