"""Checks of the captures of a scenario, which are files of the controller."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

from ..errors import InputError, LinerateError
from ..pcap.convert import rewritten
from ..pcap.destinations import AllowedDestinations
from ..pcap.rewrite import Rewrite
from ..pcap.spec import PARAMETERS

PLACEHOLDER_MACS = {"src_mac": "02:00:00:00:00:01", "dst_mac": "02:00:00:00:00:02"}
"""For MACs that are read from the interfaces later."""
MOST_PACKETS = 50_000
"""Packets of a capture that are read here; all are read when it is converted, and before it is sent."""
_NOT_ALLOWED = (
    "Replace it by rewrite: {dst_mac: receiver, ip: {OLD: NEW}}, or add it to linerate_allow_destinations, if the "
    "packets may flood it."
)


def check_capture(
    path: str, pcap: Mapping[str, Any], values: Mapping[str, Any], allowed: AllowedDestinations | None
) -> Iterator[InputError]:
    """What is wrong with the capture ``pcap``, which stands at ``path`` of the variables: its options and its frames.

    Its first :data:`MOST_PACKETS` are read, rewritten, and compared with the ``allowed`` destinations.
    """
    meaningless = [name for name in PARAMETERS if name in pcap]
    for name in meaningless:
        yield InputError(f"{path}.{name}", pcap[name], "has no meaning for a capture", "Remove it, or remove src.")
    folder, source = values.get("pcaps_src_dir"), Path(str(pcap["src"])).expanduser()
    if meaningless or not (folder or source.is_absolute()):
        return
    try:
        rewrite = Rewrite.of(_with_macs(pcap.get("rewrite") or {}, values))
    except InputError as error:
        name = error.subject.removeprefix("rewrite ")
        yield InputError(f"{path}.rewrite.{name}", error.value, error.rule, error.hint)
        return
    try:
        reason = _complaint(str(Path(folder or "/", source)), rewrite, values, allowed)
    except LinerateError as error:
        yield InputError(f"{path}.src", pcap["src"], error.rule, error.hint)
        return
    if reason:
        yield InputError(f"{path}.src", pcap["src"], reason, _NOT_ALLOWED)


def _with_macs(rewrite: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """The changes with the MAC addresses that the role inserts, as far as they are known."""
    changes = dict(rewrite)
    for name, end in (("src_mac", "sender"), ("dst_mac", "receiver")):
        if changes.get(name) == end:
            changes[name] = values.get(f"pcaps_{name}") or PLACEHOLDER_MACS[name]
    return changes


def _complaint(
    source: str, rewrite: Rewrite, values: Mapping[str, Any], allowed: AllowedDestinations | None
) -> str | None:
    # The MAC of a receiver that is a host, or of a next hop, is allowed and is not known yet.
    unknown = values.get("linerate_receiver") or values.get("pcaps_next_hop")
    for packet, frame in islice(rewritten(source, rewrite), MOST_PACKETS):
        if allowed is not None:
            reason = allowed.packet_complaint(frame) if unknown else allowed.complaint(frame)
            if reason:
                return f"packet {packet.number:,} {reason}"
    return None
