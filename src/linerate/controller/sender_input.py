"""Checks of the variables of one sender that need no host: numbers, addresses, pcaps, loads, witnesses."""

from __future__ import annotations

import difflib
import ipaddress
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from ..errors import InputError
from ..pcap.destinations import BENCHMARK_NETWORKS, AllowedDestinations
from ..pcap.spec import LENGTHS, PARAMETERS, PcapSpec
from ..results.expect import expectation_of
from ..results.store import plain
from ..tcpreplay.options import ReplayOptions
from ..trial.engines.registry import engine
from ..trial.loads import loads, refuse_shared
from ..trial.proof import ProofLoad
from ..trial.witnesses import define
from .capture_input import PLACEHOLDER_MACS, check_capture
from .credentials import check_credentials
from .scenario import check_numbers, processes_of, request_of

Values = Mapping[str, Any]
"""Variables of a host in their types; without those that are not known before a host is queried."""
CPUS = ("benchmark_cpu", "sender_tuning_core")
HOSTS = ("linerate_receiver", "pcaps_receiver", "netmap_build_host", "tcpreplay_build_host")
SETTINGS = frozenset(field.name for field in fields(ReplayOptions) if isinstance(field.default, bool))
_PREFIXES = ("benchmark_", "pcaps_")
_NOT_IN_A_NAME = re.compile(r"[/\s:@\x00-\x1f]")
_LONGEST_INTERFACE = 15
"""IFNAMSIZ - 1 (include/uapi/linux/if.h)."""
_MAC_DIGITS = 12


def is_read(name: str) -> bool:
    """Whether the checks read the variable, so that they need its default, too."""
    return name in CPUS or name in HOSTS or name.startswith(_PREFIXES)


@dataclass(frozen=True)
class Bench:
    """The hosts of the inventory, each with its interface, empty where it has none."""

    interfaces: Mapping[str, str]

    def check_host(self, name: str, host: str) -> Iterator[InputError]:
        if host and host != "localhost" and host not in self.interfaces:
            close = difflib.get_close_matches(host, self.interfaces, n=1)
            hint = f"Did you mean {close[0]}?" if close else f"Hosts are {', '.join(self.interfaces)}."
            yield InputError(name, host, "is not a host of the inventory", hint)


def check_sender(host: str, values: Values, bench: Bench) -> Iterator[InputError]:
    """What is wrong with the variables of the sender ``host``."""
    yield from _caught(check_numbers, values)
    load = {name: values.get(f"benchmark_proof_{name}") for name in ("packets", "pps", "percent")}
    yield from _caught(lambda: ProofLoad(**{name: value for name, value in load.items() if value is not None}))
    if values.get("benchmark_run_id"):
        yield from _caught(plain, values["benchmark_run_id"])
    for name in CPUS:
        if values.get(name) and not str(values[name]).isdecimal():
            yield InputError(name, values[name], "must be one CPU, counted from 0", "Write its number, such as 3.")
    yield from _macs(values)
    unknown = [*check_interface(host, values, bench), *_hosts(values, bench)]
    yield from unknown
    # What is said of a host that does not exist would only follow from that.
    if not unknown:
        yield from _receiving_mac(values)
        yield from _witnesses(values, bench)
    allowed, wrong = _allowed(values)
    yield from wrong
    yield from _pcaps(values, allowed)
    yield from _loads(values)
    yield from _expectations(values)
    yield from _switches("benchmark_replay_settings", values, SETTINGS)
    yield from _switches("sender_tuning_offloads", values)


def _switches(variable: str, values: Values, names: frozenset[str] | None = None) -> Iterator[InputError]:
    """Keys of a dictionary, those of ``names`` or all, that are true or false; text such as no would be true."""
    for key, value in (values.get(variable) or {}).items():
        if (names is None or key in names) and not isinstance(value, bool):
            yield InputError(f"{variable}.{key}", value, "must be true or false", "Write it without quotes.")


def _caught(function: Any, *arguments: Any) -> Iterator[InputError]:
    try:
        function(*arguments)
    except InputError as error:
        yield error


def _interface(name: str, value: str) -> Iterator[InputError]:
    """An error for what is not the name of an interface (dev_valid_name(), net/core/dev.c)."""
    if _NOT_IN_A_NAME.search(value) or len(value) > _LONGEST_INTERFACE or value in {".", ".."}:
        before = value.strip().split("@")[0]
        hint = f"Write {before}." if before != value else "Write a name that `ip link` shows."
        yield InputError(name, value, "is not the name of an interface", hint)


def check_interface(host: str, values: Values, bench: Bench) -> Iterator[InputError]:
    """What is wrong with the interfaces of the sender ``host`` and of its receiver."""
    if "linerate_interface" in values and not values["linerate_interface"]:
        hint = f"Set it for {host} in the inventory, to the interface that sends."
        yield InputError("linerate_interface", None, f"is not set for the sender {host}", hint)
    receiver = values.get("linerate_receiver") or ""
    for interface in (values.get("linerate_interface") or "", bench.interfaces.get(receiver, "")):
        yield from _interface("linerate_interface", interface)


def _hosts(values: Values, bench: Bench) -> Iterator[InputError]:
    # A default repeats the host of another variable.
    named = {values[name]: name for name in reversed(HOSTS) if values.get(name)}
    for other, name in named.items():
        yield from bench.check_host(name, other)


def _macs(values: Values) -> Iterator[InputError]:
    for name in ("pcaps_src_mac", "pcaps_dst_mac"):
        yield from check_mac(name, values.get(name) or "")
    for at, pcap in enumerate(_set(values)):
        for key in ("src_mac", "dst_mac"):
            yield from check_mac(f"pcaps_set[{at}].{key}", pcap.get(key) or "")


def check_mac(name: str, value: str) -> Iterator[InputError]:
    """An error for a MAC address that is not in the notation 02:00:00:00:00:01; the hint shows it in that notation."""
    digits = _mac_digits(value)
    if not value or re.fullmatch(r"(?:[0-9a-f]{2}:){5}[0-9a-f]{2}", value.strip().lower()):
        return
    if re.fullmatch(f"[0-9a-f]{{{_MAC_DIGITS}}}", digits):
        hint = f'Write "{_octets(digits)}".'
    elif value.isdecimal() and _base_60(int(value)):
        hint = f'Quote it: "{_base_60(int(value))}", which YAML reads as a number in base 60.'
    else:
        hint = 'Write six bytes in hex, such as "02:00:00:00:00:01".'
    yield InputError(name, value, "is not a MAC address in the notation 02:00:00:00:00:01", hint)


def _mac_digits(value: str) -> str:
    return re.sub(r"[-:.\s]", "", value).lower()


def _octets(digits: str) -> str:
    return ":".join(digits[at : at + 2] for at in range(0, _MAC_DIGITS, 2))


def _base_60(number: int) -> str:
    """The six groups of digits of which YAML 1.1 makes ``number``; empty if it makes it of fewer or more."""
    groups = []
    while number >= 60:
        number, group = divmod(number, 60)
        groups.append(group)
    groups.append(number)
    return ":".join(f"{group:02d}" for group in reversed(groups)) if len(groups) == 6 else ""


def _set(values: Values) -> Sequence[Mapping[str, Any]]:
    found: Sequence[Mapping[str, Any]] = values.get("pcaps_set") or ()
    return found


def _names(values: Values) -> list[str]:
    return [str(pcap["name"]) for pcap in _set(values)]


def _pcaps(values: Values, allowed: AllowedDestinations | None) -> Iterator[InputError]:
    if values.get("pcaps_set") == []:
        yield InputError("pcaps_set", [], "is empty, so there is nothing to send", "Name at least one pcap.")
    names = _names(values)
    for name in sorted({name for name in names if names.count(name) > 1}):
        yield InputError("pcaps_set", name, "is the name of two pcaps", "Give each a name of its own.")
    for at, pcap in enumerate(_set(values)):
        if "src" in pcap:
            yield from check_capture(f"pcaps_set[{at}]", pcap, values, allowed)
            continue
        missing = [keys for keys in (("protocol",), LENGTHS) if not pcap.keys() & set(keys)]
        for keys in missing:
            yield InputError(f"pcaps_set[{at}].{keys[0]}", None, "is missing", f"Set {' or '.join(keys)}.")
        if not missing:
            yield from _pcap(at, pcap, values, allowed)


def _pcap(
    at: int, pcap: Mapping[str, Any], values: Values, allowed: AllowedDestinations | None
) -> Iterator[InputError]:
    if "rewrite" in pcap:
        yield InputError(f"pcaps_set[{at}].rewrite", None, "is for a capture", "Set src, or remove rewrite.")
    given = {name: pcap.get(name, values.get(f"pcaps_{name}")) for name in PARAMETERS}
    try:
        # A MAC in another notation is reported by its own check.
        spec = PcapSpec.of({**given, **PLACEHOLDER_MACS})
        for number, stream in enumerate(spec.parts):
            if allowed and not allowed.holds_all(ipaddress.ip_network(stream.dst_ip)):
                name = f"streams[{number}].dst_ip" if "dst_ip" in [*spec.streams, {}][number] else "dst_ip"
                hint = "Add its network to linerate_allow_destinations, if the packets may flood it."
                raise InputError(name, stream.dst_ip, "is in none of the allowed networks", hint)
    except InputError as error:
        own = error.subject in pcap or f"pcaps_{error.subject}" not in values
        yield _renamed(f"pcaps_set[{at}].{error.subject}" if own else f"pcaps_{error.subject}", error)


def _loads(values: Values) -> Iterator[InputError]:
    names = _names(values)
    cases = values.get("benchmark_cases")
    for name in ("benchmark_cases", "benchmark_engines", "benchmark_rates"):
        if values.get(name) == [] and not values.get("benchmark_trials"):
            yield InputError(name, [], "is empty, so there is nothing to send", "Name at least one, or remove it.")
    for case in cases or ():
        yield from _known("benchmark_cases", case, names, "pcaps_set")
    yield from _engines(values)
    for name in values.get("benchmark_netmap_adapters") or ():
        yield from _known("benchmark_netmap_adapters", name, engine("netmap").adapters, "the adapters")
    for at, rate in enumerate(values.get("benchmark_rates") or ()):
        yield from _load(f"benchmark_rates[{at}]", rate)
    for at, trial in enumerate(values.get("benchmark_trials") or ()):
        path = f"benchmark_trials[{at}]"
        yield from _load(path, trial)
        yield from _known(f"{path}.case", trial["case"], names, "pcaps_set")
        wrong = list(_caught(engine, trial["engine"]))
        yield from (_renamed(f"{path}.engine", error) for error in wrong)
        if not wrong:
            counted = _caught(processes_of, trial["engine"], trial.get("processes"))
            yield from (_renamed(f"{path}.processes", error) for error in counted)


def _engines(values: Values) -> Iterator[InputError]:
    rates = () if values.get("benchmark_trials") else values.get("benchmark_rates") or ()
    for at, entry in enumerate(values.get("benchmark_engines") or ()):
        for error in _caught(_check_engine, entry, [rate.get("mode") for rate in rates]):
            # A plain name has no keys.
            key = f"[{at}].{error.subject}" if isinstance(entry, Mapping) and error.subject in entry else ""
            yield _renamed(f"benchmark_engines{key}", error)


def _check_engine(entry: object, modes: Sequence[str]) -> None:
    request = request_of(entry)
    for mode in modes:
        refuse_shared(mode, request.processes or 1)


def _load(path: str, load: Mapping[str, Any]) -> Iterator[InputError]:
    yield from (_renamed(f"{path}.{error.subject}", error) for error in _caught(loads, load, "value"))


def _expectations(values: Values) -> Iterator[InputError]:
    for at, expected in enumerate(values.get("benchmark_expect") or ()):
        yield from _caught(expectation_of, expected)
        if expected.get("case"):
            yield from _known(f"benchmark_expect[{at}].case", expected["case"], _names(values), "pcaps_set")
        if expected.get("engine"):
            for error in _caught(engine, expected["engine"]):
                yield _renamed(f"benchmark_expect[{at}].engine", error)


def _known(name: str, value: str, known: Sequence[str], where: str) -> Iterator[InputError]:
    # Without pcaps of a known name, nothing is known of the cases.
    if known and value not in known:
        close = difflib.get_close_matches(value, known, n=1)
        hint = f"Did you mean {close[0]}?" if close else f"Known are {', '.join(known)}."
        yield InputError(name, value, f"is not one of {where}", hint)


def _renamed(name: str, error: InputError) -> InputError:
    return InputError(name, error.value, error.rule, error.hint)


def _allowed_name(values: Values) -> str:
    """The variable that the allowed destinations are from."""
    shared = values.get("linerate_allow_destinations"), list(BENCHMARK_NETWORKS)
    own = values.get("benchmark_allow_destinations") not in shared
    return "benchmark_allow_destinations" if own else "linerate_allow_destinations"


def _allowed(values: Values) -> tuple[AllowedDestinations | None, list[InputError]]:
    """The allowed destinations, None where they are not known, and what is wrong with them."""
    entries = values.get("benchmark_allow_destinations")
    if entries is None:
        return None, []
    wrong = [error for entry in entries for error in _entry(_allowed_name(values), entry)]
    return (None, wrong) if wrong else (AllowedDestinations(entries), [])


def _entry(name: str, entry: str) -> Iterator[InputError]:
    for error in _caught(AllowedDestinations, [entry]):
        mac = re.fullmatch(f"[0-9a-f]{{{_MAC_DIGITS}}}", _mac_digits(entry)) or (
            entry.isdecimal() and _base_60(int(entry))
        )
        yield from check_mac(name, entry) if mac else [_renamed(name, error)]


def _receiving_mac(values: Values) -> Iterator[InputError]:
    name, entries = _allowed_name(values), values.get("benchmark_allow_destinations")
    mac = str(values.get("pcaps_dst_mac") or "").strip().lower()
    if not mac and not values.get("pcaps_next_hop") and not values.get("pcaps_receiver_interface"):
        hint = "Set it to the MAC of the device, or set linerate_receiver to the host that receives."
        yield InputError("pcaps_dst_mac", None, "is not set, and no receiver has a linerate_interface", hint)
    # The MAC of a receiver that is a host is allowed, too, and is not known yet.
    known = entries is None or mac in {entry.strip().lower() for entry in entries}
    if mac and not values.get("linerate_receiver") and not known:
        hint = f"Add it: {name}: {[*(entries or ()), mac]}."
        yield InputError("pcaps_dst_mac", mac, f"is not in {name}", hint)


def _witnesses(values: Values, bench: Bench) -> Iterator[InputError]:
    witnesses = values.get("benchmark_witnesses")
    if witnesses is None:
        return
    for at, witness in enumerate(witnesses):
        yield from bench.check_host(f"benchmark_witnesses[{at}].host", witness.get("host") or "")
    receiver = values.get("linerate_receiver") or None
    try:
        defined = define(witnesses, receiver, bench.interfaces)
    except InputError as error:
        yield InputError(f"benchmark_witnesses: {error.subject}", error.value, error.rule, error.hint)
        return
    yield from check_credentials(defined, values.get("benchmark_snmp_credentials") or {})
