"""Those who count what arrives: which there are, what each said of a trial, and how far they disagree."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any

from ..errors import InputError

KINDS = ("linux", "snmp", "none")
VERSIONS = ("2c", "3")
SNMP_PORT = 161
SHORT_TRIALS = ("lengthen", "refuse")
LEAST_REFRESHES = 2
"""A trial that lasts this many refreshes of a counter has at least one that begins and ends within it."""
_KEYS = {
    "linux": {"kind", "name", "host", "interface"},
    "snmp": {"kind", "name", "address", "port", "version", "interface", "refresh_seconds"},
}
_HINT = "Correct benchmark_witnesses; see the role's argument_specs."


def define(
    given: Sequence[Mapping[str, Any]], receiver: str | None, interfaces: Mapping[str, str]
) -> list[dict[str, Any]]:
    """The witnesses of a scenario, complete and without a secret.

    Each has ``name``, ``kind``, ``host``, ``interface``; one by SNMP also ``port``, ``version``, and
    ``refresh_seconds``, 0 where that is to be found out. ``receiver`` is the host of a linux witness that names none,
    ``interfaces`` the receiving interface by host. None at all is no error: the sender alone is judged then.
    """
    if [witness.get("kind") for witness in given] == ["none"]:
        return []
    made = [_linux(one, receiver, interfaces) if _kind(one) == "linux" else _snmp(one) for one in given]
    names = [witness["name"] for witness in made]
    for name in names:
        if names.count(name) > 1:
            raise InputError("witness", name, "is there twice", "Give each witness a name of its own.")
    return made


def _kind(witness: Mapping[str, Any]) -> str:
    kind = str(witness.get("kind"))
    if kind not in KINDS:
        raise InputError("kind of a witness", kind, f"must be one of {', '.join(KINDS)}", _HINT)
    if kind == "none":
        raise InputError("kind of a witness", kind, "stands beside others", "Leave it out, or leave the others out.")
    for key in sorted(witness.keys() - _KEYS[kind]):
        raise InputError(f"{kind} witness", key, f"is not one of {', '.join(sorted(_KEYS[kind]))}", _HINT)
    return kind


def _linux(witness: Mapping[str, Any], receiver: str | None, interfaces: Mapping[str, str]) -> dict[str, Any]:
    host = witness.get("host") or receiver
    if not host:
        raise InputError("linux witness", None, "names no host", "Set its host, or linerate_receiver on the sender.")
    interface = witness.get("interface") or interfaces.get(host)
    if not interface:
        hint = "Set its interface, or linerate_interface on that host of the inventory."
        raise InputError("linux witness", host, "has no receiving interface", hint)
    return {"name": str(witness.get("name") or host), "kind": "linux", "host": host, "interface": interface}


def _snmp(witness: Mapping[str, Any]) -> dict[str, Any]:
    for key in ("address", "interface"):
        if not witness.get(key):
            raise InputError("snmp witness", dict(witness), f"has no {key}", _HINT)
    version = str(witness.get("version") or VERSIONS[0])
    if version not in VERSIONS:
        raise InputError("SNMP version", version, f"must be one of {', '.join(VERSIONS)}", _HINT)
    return {
        "name": str(witness.get("name") or witness["address"]),
        "kind": "snmp",
        "host": str(witness["address"]),
        "interface": str(witness["interface"]),
        "port": int(witness.get("port") or SNMP_PORT),
        "version": version,
        "refresh_seconds": float(witness.get("refresh_seconds") or 0),
    }


def found_out(witnesses: Sequence[Mapping[str, Any]], agents: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The witnesses with what was found out of their ``agents``, which are in the order of the snmp ones.

    Before any was asked there are no agents; a witness is then as it was defined.
    """
    found = iter(agents)
    complete = []
    for witness in witnesses:
        seen = next(found, {}) if witness["kind"] == "snmp" else {}
        complete.append(
            {**witness, **{key: seen[key] for key in ("refresh_seconds", "refresh_source", "agent") if seen}}
        )
    return complete


def fit(
    durations: Mapping[str, float], witnesses: Sequence[Mapping[str, Any]], short_trials: str
) -> tuple[dict[str, float], list[str]]:
    """The durations of trials (seconds, by mode) that the slowest counters can follow, and what had to be said of it.

    InputError where ``short_trials`` is ``refuse`` and one is too short.
    """
    if short_trials not in SHORT_TRIALS:
        raise InputError("short trials", short_trials, f"must be one of {', '.join(SHORT_TRIALS)}", "Choose one.")
    slowest = max(witnesses, key=lambda one: one.get("refresh_seconds") or 0, default={})
    refresh = slowest.get("refresh_seconds") or 0
    least = math.ceil(LEAST_REFRESHES * refresh)
    fitted, notices = dict(durations), []
    for mode, seconds in durations.items():
        # One of no length at all is refused by the plan, by its own value.
        if 0 < seconds < least:
            rule = f"is shorter than {LEAST_REFRESHES} refreshes ({refresh:g} s) of {slowest['name']}'s counters"
            if short_trials == "refuse":
                hint = f"Let {mode} trials last {least} s, or lengthen them: benchmark_snmp_short_trials."
                raise InputError(f"{mode} duration", seconds, rule, hint)
            fitted[mode] = least
            notices.append(f"{mode} trials last {least} s instead of {seconds:g} s, which {rule}.")
    return fitted, notices


def receiving_port(witnesses: Sequence[Mapping[str, Any]], receiver: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """The port that a trial's packets are for: that of the witness that decides, else the ``receiver``'s, if any."""
    ports = sorted(witnesses, key=lambda one: one["kind"] != "linux")
    if ports:
        return {"host": ports[0]["host"], "interface": ports[0]["interface"]}
    return {"host": receiver["name"], "interface": receiver["nic"]["interface"]} if receiver else None


def report(definition: Mapping[str, Any], result: Mapping[str, Any]) -> dict[str, Any]:
    """What one witness says of a trial, from its definition and what linerate_receive or linerate_snmp_info returned.

    ``usable`` is False where it could not count, with the ``reason``. A module that failed says why in ``msg``.
    """
    usable = bool(result.get("usable", result.get("witness")))
    reason = None if usable else result.get("reason") or result.get("msg") or "it gave no count"
    return {
        **{key: definition[key] for key in ("name", "kind", "host", "interface")},
        "usable": usable,
        "reason": reason,
        "refresh_seconds": definition.get("refresh_seconds"),
        "settled": bool(result.get("settled", True)),
        "witness": result.get("witness"),
        "nic": result.get("nic"),
        "counters": result.get("counters") or {},
        "samples": result.get("samples") or [],
    }


def primary(reports: Sequence[Mapping[str, Any]]) -> Mapping[str, Any] | None:
    """The witness that a trial is judged by: the first linux one that could count, else the first that could."""
    usable = [one for one in reports if one["usable"] and one["witness"]]
    return next((one for one in usable if one["kind"] == "linux"), usable[0] if usable else None)


def stored(reports: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The witnesses as a trial's record has them; their samples go to a file of their own."""
    return [
        {
            **{key: one[key] for key in ("name", "kind", "host", "interface", "usable", "reason", "refresh_seconds")},
            "settled": one["settled"],
            "method": one["witness"]["method"] if one["witness"] else None,
            "matches": one["witness"]["matches"] if one["witness"] else None,
            "packets": one["witness"]["packets"] if one["witness"] else None,
            "counters": {source: dict(group) for source, group in one["counters"].items()},
        }
        for one in reports
    ]


def disagreements(
    reports: Sequence[Mapping[str, Any]], pps: float | None, tolerance_packets: float
) -> list[dict[str, Any]]:
    """For each two witnesses that counted, the first's packets less the second's, and whether that is tolerable.

    ``tolerance_packets`` is for other traffic. Counters that had not settled when they were read may lack what came
    in one refresh of theirs at ``pps``.
    """
    counted = [one for one in reports if one["usable"] and one["witness"]]
    found = []
    for first, second in combinations(counted, 2):
        one, other = (side["witness"]["packets"] for side in (first, second))
        refresh = sum(side["refresh_seconds"] or 0 for side in (first, second) if not side["settled"])
        tolerated = round(tolerance_packets + refresh * (pps or 0))
        found.append(
            {
                "first": first["name"],
                "second": second["name"],
                "packets": one - other,
                "percent": 100 * (one - other) / one if one else None,
                "tolerance_packets": tolerated,
                "within": abs(one - other) <= tolerated,
            }
        )
    return found
