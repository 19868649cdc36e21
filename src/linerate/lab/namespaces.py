"""The embedded lab: the hosts of a bench as network namespaces on one machine; nothing else on it changes.

With full privileges each host is a namespace, and each cable a veth pair. Where a process may not create namespaces (an
ordinary container) a sender and a receiver share the loopback interface, and the state file contains the reason.
"""

from __future__ import annotations

import contextlib
import json
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Callable

from ..errors import HostError
from ..system.capabilities import missing_capabilities
from ..system.files import make_folder, write_whole
from ..system.run import Runner
from .hosts import HostState, Lab, checked, discards, error_line, joined, named, read_host, wanted_settings
from .topology import DIRECT, MTU, QUEUES, RECEIVER, SENDER, End

DISCARD = "1,6 0 0 4,"
"""Classic BPF that returns TC_ACT_STOLEN (include/uapi/linux/pkt_cls.h) for each frame: none counts as dropped."""

__all__ = ["RECEIVER", "SENDER", "Change", "End", "Lab", "State", "absent", "present", "read_state"]


@dataclass(frozen=True)
class State:
    """The state of the lab: ``backend`` is ``netns`` or ``loopback``, ``reason`` is a text."""

    backend: str
    reason: str


@dataclass(frozen=True)
class Change:
    """What a call changed, or in check mode would change: ``steps`` are the commands and file changes, in order."""

    state: State | None
    steps: tuple[str, ...]

    @property
    def changed(self) -> bool:
        """True where at least one step was needed."""
        return bool(self.steps)


def open_packet_socket() -> None:
    """Open and close a packet socket, which needs CAP_NET_RAW. Raises PermissionError without it."""
    socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0).close()


def read_state(lab: Lab | None = None) -> State | None:
    """The state that the last :func:`present` stored, or None where there is no lab."""
    try:
        stored = json.loads((lab or Lab()).state_file.read_text(encoding="utf-8"))
        return State(backend=stored["backend"], reason=stored["reason"])
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError):
        return State(backend="unknown", reason="the state file is not valid")


def present(
    run: Runner,
    lab: Lab | None = None,
    try_packet_socket: Callable[[], None] = open_packet_socket,
    check: bool = False,
) -> Change:
    """Create or repair the lab.

    Raises :class:`HostError` where a namespace or interface of the lab's name is not the lab's, a command fails, or
    this process may neither create namespaces nor send on the loopback interface, which is a bench of two hosts only.
    """
    lab = lab or Lab()
    refusal = why_no_namespaces(run, lab.root)
    if refusal is None:
        state = State("netns", "this process may create network namespaces")
        steps = _build(run, lab, check)
    elif lab.topology != DIRECT:
        hint = "Run as root with CAP_SYS_ADMIN and CAP_NET_ADMIN, or use inventory/lab."
        raise HostError("lab", lab.topology.name, refusal, hint)
    else:
        _require_packet_socket(try_packet_socket)
        state, steps = State("loopback", refusal), []
    if read_state(lab) != state:
        steps.append(f"write {lab.state_file}: {state.backend}")
        if not check:
            _write_state(lab, state)
    return Change(state, tuple(steps))


def absent(run: Runner, lab: Lab | None = None, check: bool = False) -> Change:
    """Remove the namespaces with their contents, the SNMP agent, and the state file.

    Raises :class:`HostError` where a namespace of the lab's name contains other interfaces, or this process may not
    remove it.
    """
    lab = lab or Lab()
    steps: list[str] = []
    removals = _removals(run, lab)
    if lab.agent and lab.agent.folder.exists():
        steps.append(f"stop snmpd in {lab.agent.namespace}")
        if not check:
            lab.agent.stop()
    if lab.state_file.exists():
        steps.append(f"remove {lab.state_file}")
        if not check:
            _remove_state(lab)
    steps += [" ".join(argv) for argv in _apply(run, removals, check)]
    return Change(None, tuple(steps))


def _build(run: Runner, lab: Lab, check: bool) -> list[str]:
    steps = [" ".join(argv) for argv in _apply(run, _repairs(run, lab), check)]
    remaining = [] if check else _repairs(run, lab)
    if remaining:
        hint = "Remove the lab with playbooks/lab_down.yml and create it again."
        raise HostError("lab", " ".join(remaining[0]), "had no effect", hint)
    steps += [" ".join(argv) for argv in _discard(run, lab, check)]
    if lab.agent and not lab.agent.runs():
        steps.append(lab.agent.step)
        if not check:
            lab.agent.start()
    return steps


def _discard(run: Runner, lab: Lab, check: bool) -> list[tuple[str, ...]]:
    """The commands that let the receivers discard; none where this kernel or machine cannot: it costs speed alone."""
    done: list[tuple[str, ...]] = []
    for end in (end for end in lab.topology.ends if end.discards):
        if named(lab.root, end.namespace) and discards(run, end):
            continue
        commands = discarding(end)
        if check or all(run(argv).returncode == 0 for argv in commands):
            done += commands
    return done


def discarding(end: End) -> tuple[tuple[str, ...], ...]:
    """The commands that let an end of a cable discard what arrives, after packet sockets and before the IP layer."""
    within = ("tc", "-n", end.namespace)
    program = ("prio", "1", "handle", "1", "bpf", "direct-action", "bytecode", DISCARD)
    return (
        (*within, "qdisc", "replace", "dev", end.interface, "clsact"),
        (*within, "filter", "replace", "dev", end.interface, "ingress", *program),
    )


def _removals(run: Runner, lab: Lab) -> list[tuple[str, ...]]:
    """The commands that remove the namespaces; cables first, since a namespace is removed some time after its name."""
    names = [name for name in lab.topology.namespaces if named(lab.root, name)]
    found = {name: read_host(run, lab, name) for name in names}
    cables: list[tuple[str, ...]] = []
    for cable in lab.topology.cables:
        end = next(
            (end for end in cable if end.namespace in found and end.interface in found[end.namespace].links), None
        )
        if end:
            cables.append(("ip", "-n", end.namespace, "link", "delete", end.interface))
    return [*cables, *(("ip", "netns", "delete", name) for name in names)]


def why_no_namespaces(run: Runner, root: Path = Path("/")) -> str | None:
    """The reason why this process may not create the lab; None where it may.

    The commands that create the lab are tried in temporary namespaces. The capabilities alone are not enough to know
    (seccomp, AppArmor, a read-only /proc/sys); they only explain a failure.
    """
    probes: tuple[tuple[str, ...], ...] = (
        ("ip", "link", "add", "lrs0", "type", "veth", "peer", "name", "lrr0"),
        ("mount", "-t", "sysfs", "linerate", "/sys"),
        ("sysctl", "-qw", "net.ipv4.ip_forward=0"),
    )
    for command in probes:
        tried = run(("unshare", "--net", "--mount", "--", *command))
        if tried.returncode != 0:
            missing = missing_capabilities(root, ("CAP_SYS_ADMIN", "CAP_NET_ADMIN"))
            verb = "is" if len(missing) == 1 else "are"
            why = f"{' and '.join(missing)} {verb} missing" if missing else error_line(tried)
            return f"this process may not create network namespaces: {why}"
    return None


def _require_packet_socket(try_packet_socket: Callable[[], None]) -> None:
    try:
        try_packet_socket()
    except PermissionError:
        raise HostError(
            "lab",
            "loopback",
            "this process may neither create network namespaces (CAP_SYS_ADMIN and CAP_NET_ADMIN) "
            "nor send raw frames (CAP_NET_RAW)",
            "Run as root, or give the container at least CAP_NET_RAW: docker run --cap-add=NET_RAW.",
        ) from None


def _repairs(run: Runner, lab: Lab) -> list[tuple[str, ...]]:
    """The commands that create or repair the lab; none where it is complete."""
    topology = lab.topology
    found = {name: read_host(run, lab, name) if named(lab.root, name) else HostState() for name in topology.namespaces}
    steps: list[tuple[str, ...]] = []
    for name, state in found.items():
        if state.stale:
            steps.append(("ip", "netns", "delete", name))
        if not state.exists:
            steps.append(("ip", "netns", "add", name))
        steps += _setting_repairs(lab, name, state)
    for cable in topology.cables:
        links = {end: found[end.namespace].links.get(end.interface) for end in cable}
        is_joined = joined(*links.values())
        if not is_joined:
            steps += _plug_in(cable, links)
        for end in cable:
            state = found[end.namespace]
            steps += _link_repairs(end, links[end], state) if is_joined else _link_repairs(end, None, HostState())
    return steps


def _setting_repairs(lab: Lab, name: str, state: HostState) -> list[tuple[str, ...]]:
    inside = ("ip", "netns", "exec", name)
    wanted = wanted_settings(lab, name)
    wrong = [f"{key}={value}" for key, value in wanted.items() if state.settings.get(key) != value]
    for interface in state.links:
        own, all_of = f"net.ipv6.conf.{interface}.disable_ipv6", "net.ipv6.conf.all.disable_ipv6"
        if own in state.settings and state.settings[own] != wanted.get(all_of):
            wrong.append(f"{own}={wanted[all_of]}")
    steps: list[tuple[str, ...]] = [(*inside, "sysctl", "-qw", *wrong)] if wrong else []
    if not state.lo_up:
        steps.append(("ip", "-n", name, "link", "set", "lo", "up"))
    return steps


def _plug_in(cable: tuple[End, End], links: Mapping[End, dict[str, Any] | None]) -> list[tuple[str, ...]]:
    """The commands that lay a cable, and remove what is left of an earlier one."""
    near, far = cable
    steps = [step for end in cable for step in _removal_of_unpaired(end, links[end])]
    described = [(end.interface, "address", end.mac, "mtu", str(MTU)) for end in cable]
    # So many processes may send at once, each by a queue of its own.
    queues = ("numtxqueues", str(QUEUES), "numrxqueues", str(QUEUES))
    peer = ("type", "veth", "peer", "name", *described[1], "netns", far.namespace, *queues)
    return [*steps, ("ip", "-n", near.namespace, "link", "add", *described[0], *queues, *peer)]


def _link_repairs(end: End, link: dict[str, Any] | None, state: HostState) -> list[tuple[str, ...]]:
    """The commands for an interface of a cable; ``link`` is None where it is new."""
    within = ("ip", "-n", end.namespace)
    of_link = (*within, "link", "set", end.interface)
    steps: list[tuple[str, ...]] = []
    addresses: list[str] = []
    if link is not None:
        addresses = [f"{one['local']}/{one['prefixlen']}" for one in link["addr_info"]]
        if link["address"] != end.mac:
            steps.append((*of_link, "address", end.mac))
        if link["mtu"] != MTU:
            steps.append((*of_link, "mtu", str(MTU)))
    wanted = [end.address] if end.address else []
    if addresses and addresses != wanted:
        steps.append((*within, "address", "flush", "dev", end.interface))
    if link is None or "UP" not in link["flags"]:
        steps.append((*of_link, "up"))
    if addresses != wanted and end.address:
        steps.append((*within, "address", "add", end.address, "dev", end.interface))
    if end.neighbour and state.neighbours.get(end.neighbour[0]) != end.neighbour[1]:
        address, mac = end.neighbour
        entry = (address, "lladdr", mac, "dev", end.interface, "nud", "permanent")
        steps.append((*within, "neighbour", "replace", *entry))
    return steps


def _removal_of_unpaired(end: End, link: dict[str, Any] | None) -> list[tuple[str, ...]]:
    """The removal of an interface without its peer. Raises HostError where its MAC address is not the lab's."""
    if link is None:
        return []
    if link["address"] != end.mac:
        raise HostError(
            "interface",
            end.interface,
            f"is in the namespace {end.namespace}, but was not created by linerate",
            f"Remove or rename it: ip -n {end.namespace} link delete {end.interface}.",
        )
    return [("ip", "-n", end.namespace, "link", "delete", end.interface)]


def _apply(run: Runner, steps: Sequence[tuple[str, ...]], check: bool) -> Sequence[tuple[str, ...]]:
    if not check:
        for argv in steps:
            done = run(argv)
            # The kernel removes a veth asynchronously after it has deleted its peer's namespace.
            gone = "delete" in argv and "Cannot find device" in done.stderr
            if not gone:
                checked(done)
    return steps


def _write_state(lab: Lab, state: State) -> None:
    """Write the state atomically, readable by everyone, since an unprivileged controller reads it."""
    path = lab.state_file
    try:
        make_folder(path.parent)
    except OSError as error:
        raise HostError("lab", str(path), f"cannot be written ({error.strerror})", "Run as root.") from error
    write_whole(path, (json.dumps({"backend": state.backend, "reason": state.reason}) + "\n").encode())


def _remove_state(lab: Lab) -> None:
    lab.state_file.unlink()
    # The folder stays where it contains other files of linerate.
    with contextlib.suppress(OSError):
        lab.state_file.parent.rmdir()
