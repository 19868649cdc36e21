"""The witnesses, which count what arrives: which there are, and what each reports of a trial."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from typing import Any

from ..errors import InputError
from ..nic.counters import ReceiverNic
from ..receiver.packet_counter import Count
from ..receiver.sampler import Sample
from .evidence import WitnessReport
from .model import AT_DEVICE, AT_RECEIVER, Port, Witness

KINDS = ("linux", "snmp", "none")
POSITIONS = (AT_RECEIVER, AT_DEVICE)
VERSIONS = ("2c", "3")
SNMP_PORT = 161
SHORT_TRIALS = ("lengthen", "refuse")
LEAST_REFRESHES = 2
"""A trial that lasts this many refreshes of a counter has at least one that begins and ends within it."""
_KEYS = {
    "linux": {"kind", "name", "host", "interface", "position"},
    "snmp": {"kind", "name", "address", "port", "version", "interface", "refresh_seconds", "position"},
}
_HINT = "Correct benchmark_witnesses; see the role's argument_specs."


def define(
    given: Sequence[Mapping[str, Any]], receiver: str | None, interfaces: Mapping[str, str]
) -> tuple[Witness, ...]:
    """The witnesses of a scenario, complete and without a secret.

    ``receiver`` is the host of a linux witness that names none, ``interfaces`` the receiving interface by host. No
    witness is no error: the sender alone is judged then. InputError names a witness that is not usable.
    """
    if [witness.get("kind") for witness in given] == ["none"]:
        return ()
    made = [_linux(one, receiver, interfaces) if _kind(one) == "linux" else _snmp(one) for one in given]
    names = [witness.name for witness in made]
    for name in names:
        if names.count(name) > 1:
            raise InputError("witness", name, "is defined twice", "Give each witness a name of its own.")
    if made and all(witness.position == AT_DEVICE for witness in made):
        rule = "counts at a device, and no other one at the receiver"
        hint = "Leave its position out, if the device is what receives; or add a witness at the receiver."
        raise InputError("witness", names[0], rule, hint)
    return tuple(made)


def _kind(witness: Mapping[str, Any]) -> str:
    kind = str(witness.get("kind"))
    if kind not in KINDS:
        raise InputError("kind of a witness", kind, f"must be one of {', '.join(KINDS)}", _HINT)
    if kind == "none":
        raise InputError("kind of a witness", kind, "excludes others", "Leave it out, or leave the others out.")
    for key in sorted(witness.keys() - _KEYS[kind]):
        raise InputError(f"{kind} witness", key, f"is not one of {', '.join(sorted(_KEYS[kind]))}", _HINT)
    return kind


def _linux(witness: Mapping[str, Any], receiver: str | None, interfaces: Mapping[str, str]) -> Witness:
    host = witness.get("host") or receiver
    if not host:
        raise InputError("linux witness", None, "names no host", "Set its host, or linerate_receiver on the sender.")
    interface = witness.get("interface") or interfaces.get(host)
    if not interface:
        hint = "Set its interface, or linerate_interface on that host of the inventory."
        raise InputError("linux witness", host, "has no receiving interface", hint)
    name = str(witness.get("name") or host)
    return Witness(name=name, kind="linux", host=host, interface=interface, position=_position(witness))


def _position(witness: Mapping[str, Any]) -> str:
    position = str(witness.get("position") or AT_RECEIVER)
    if position not in POSITIONS:
        raise InputError("position of a witness", position, f"must be one of {', '.join(POSITIONS)}", _HINT)
    return position


def _snmp(witness: Mapping[str, Any]) -> Witness:
    for key in ("address", "interface"):
        if witness.get(key) in (None, ""):
            raise InputError("snmp witness", dict(witness), f"has no {key}", _HINT)
    _check_name(witness["interface"])
    version = str(witness.get("version") or VERSIONS[0])
    if version not in VERSIONS:
        raise InputError("SNMP version", version, f"must be one of {', '.join(VERSIONS)}", _HINT)
    return Witness(
        name=str(witness.get("name") or witness["address"]),
        kind="snmp",
        host=str(witness["address"]),
        interface=str(witness["interface"]),
        port=int(witness.get("port") or SNMP_PORT),
        version=version,
        refresh_seconds=float(witness.get("refresh_seconds") or 0),
        position=_position(witness),
    )


def _check_name(interface: object) -> None:
    """InputError for what YAML has made a number or a boolean of: 1.10 is 1.1 then."""
    if isinstance(interface, (bool, float)):
        rule = "is not a text: YAML reads it as a number or a boolean"
        raise InputError("interface of a witness", interface, rule, 'Write it in quotes, such as "1.10" or "on".')


def with_agents(witnesses: Sequence[Witness], agents: Sequence[Mapping[str, Any]]) -> tuple[Witness, ...]:
    """The witnesses with what was learned of their ``agents``, which are in the order of the snmp ones.

    Before any was queried there are no agents; a witness is then as it was defined.
    """
    queried = iter(agents)
    complete = []
    for witness in witnesses:
        agent = next(queried, {}) if witness.kind == "snmp" else {}
        learned = {key: agent[key] for key in ("refresh_seconds", "refresh_source", "agent") if agent}
        complete.append(replace(witness, **learned))
    return tuple(complete)


def fit(
    durations: Mapping[str, float], witnesses: Sequence[Witness], short_trials: str
) -> tuple[dict[str, float], list[str]]:
    """The durations of trials (seconds, by bound) that the slowest counters can follow, and notices of what changed.

    InputError where ``short_trials`` is ``refuse`` and one is too short.
    """
    if short_trials not in SHORT_TRIALS:
        raise InputError("short trials", short_trials, f"must be one of {', '.join(SHORT_TRIALS)}", "Choose one.")
    slowest = max(witnesses, key=lambda one: one.refresh_seconds or 0, default=None)
    refresh = slowest.refresh_seconds or 0 if slowest else 0
    least = math.ceil(LEAST_REFRESHES * refresh)
    fitted, notices = dict(durations), []
    for bound, seconds in durations.items():
        # A duration of 0 is refused by the plan, by its own value.
        if slowest and 0 < seconds < least:
            rule = f"is shorter than {LEAST_REFRESHES} refreshes ({refresh:g} s) of {slowest.name}'s counters"
            if short_trials == "refuse":
                hint = f"Let {bound} trials last {least} s, or lengthen them: benchmark_snmp_short_trials."
                raise InputError(f"benchmark_duration_{bound}", seconds, rule, hint)
            fitted[bound] = least
            notices.append(f"{bound} trials last {least} s instead of {seconds:g} s, which {rule}.")
    return fitted, notices


def receiving_port(witnesses: Sequence[Witness], receiver: Mapping[str, Any] | None) -> Port | None:
    """The port that a trial's packets are for: that of the witness that decides, else the ``receiver``'s, if any."""
    ports = sorted((one for one in witnesses if one.position == AT_RECEIVER), key=lambda one: one.kind != "linux")
    if ports:
        return Port(ports[0].host, ports[0].interface)
    return Port(receiver["name"], receiver["nic"]["interface"]) if receiver else None


def report(witness: Witness, result: Mapping[str, Any]) -> WitnessReport:
    """What a witness reports of a trial, from the result of linerate_receive or linerate_snmp_info for it.

    A module that failed says why in ``msg``; that is the reason why the witness is not usable.
    """
    usable = bool(result.get("usable", result.get("witness")))
    count, nic = result.get("witness"), result.get("nic")
    return WitnessReport(
        name=witness.name,
        kind=witness.kind,
        host=witness.host,
        interface=witness.interface,
        usable=usable,
        reason=None if usable else result.get("reason") or result.get("msg") or "it gave no count",
        refresh_seconds=witness.refresh_seconds,
        settled=bool(result.get("settled", True)),
        witness=Count.from_json(count) if count else None,
        nic=ReceiverNic.from_json(nic) if nic else None,
        counters=result.get("counters") or {},
        samples=tuple(_sample(one) for one in result.get("samples") or ()),
        position=witness.position,
    )


def _sample(values: Mapping[str, Any]) -> Sample:
    return Sample(**{field.name: values[field.name] for field in fields(Sample)})


def reports_of(received: Sequence[Sequence[Mapping[str, Any]]]) -> list[WitnessReport]:
    """The reports of ``received``: for each witness its definition, and the result of its module."""
    return [report(Witness.from_json(definition), result) for definition, result in received]


def primary(reports: Sequence[WitnessReport]) -> WitnessReport | None:
    """The witness that a trial is judged by: the first linux one at the receiver that could count, else the first."""
    usable = [one for one in at_receiver(reports) if one.counted is not None]
    return next((one for one in usable if one.kind == "linux"), usable[0] if usable else None)


def at_device(reports: Sequence[WitnessReport]) -> WitnessReport | None:
    """The witness that counted what reached a device on the path: the first that could."""
    return next((one for one in reports if one.position == AT_DEVICE and one.counted is not None), None)


def at_receiver(reports: Sequence[WitnessReport]) -> list[WitnessReport]:
    """The witnesses at the receiver."""
    return [one for one in reports if one.position == AT_RECEIVER]
