"""Faults between the sender and what counts: frames that the path changes, and an agent that counts wrongly."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Callable

from tests.faults.bench import Bench
from tests.faults.fault import Fault, Step, pcap, receiver
from tests.integration.agents import COMMUNITY, query, snmpd
from tests.integration.devices import altering
from tests.integration.trials import inside

from linerate.lab.namespaces import RECEIVER

TARGET: Mapping[str, Any] = {"address": "127.0.0.1", "port": 1161, "community": COMMUNITY}
REFRESH_SECONDS = 4
"""How old a counter of snmpd may be."""
PACKETS = tuple(f"1.3.6.1.2.1.31.1.1.1.{column}" for column in (7, 8, 9))


def through(change: str) -> Step:
    """A device on the path that changes each frame."""
    return lambda bench: bench.stack.enter_context(altering(change))


def standing_agent(fault: Fault, bench: Bench, path: str) -> Callable[[], dict[str, Any]]:
    """A real snmpd at the receiver, whose packet counters of the interface are always 0."""
    index = inside(RECEIVER, "cat", f"/sys/class/net/{RECEIVER.interface}/ifindex").strip()
    overrides = [f"override {column}.{index} counter 0" for column in PACKETS]
    configuration = "\n".join([f"rocommunity {COMMUNITY}", *overrides, ""])
    listening = f"udp:{TARGET['address']}:{TARGET['port']}"
    folder = Path(bench.stack.enter_context(TemporaryDirectory(prefix="linerate-agent-")))
    bench.stack.enter_context(snmpd(RECEIVER.namespace, listening, configuration, folder))
    before = asked(f"read_at_rest(agent, {index}, {REFRESH_SECONDS})")

    def count() -> dict[str, Any]:
        after = f"read_at_rest(agent, {index}, {REFRESH_SECONDS})"
        reading = f"json.loads({json.dumps(before)!r})"
        found: dict[str, Any] = asked(f"count({reading}, {after}, '{RECEIVER.interface}', (78, 78))")
        return found

    return count


def asked(code: str) -> Any:
    answer = query(RECEIVER.namespace, code, **TARGET)
    assert answer.result is not None, answer.error
    return answer.result


FAULTS = [
    Fault(
        "frames under 60 B, which the path pads",
        "^valid, 0 packets lost$",
        pcap=pcap(ip_length=28),
        before=through("padding"),
        witness=receiver,
    ),
    Fault(
        "VLAN tag removed, and padding with FCS added by the path",
        "^valid, 0 packets lost$",
        pcap=pcap(ip_length=28, vlan=10),
        before=through("padding and FCS"),
        witness=receiver,
        vlan_tags=1,
    ),
    Fault(
        "frames that the path makes longer",
        "^not valid: none of 1,000 packets arrived at the receiver",
        before=through("seven bytes more"),
        witness=receiver,
    ),
    Fault(
        "agent whose packet counters stand still",
        "^not valid: .*not witnessed: .*the packet counters stood still while [0-9,]+ octets were counted",
        witness=standing_agent,
    ),
]
