"""The embedded lab: a sender and a receiver on one machine, which changes nothing else on it.

With full privileges it is two network namespaces joined by a veth pair. Where a process may not create namespaces (an
ordinary container) it is the loopback interface, and the state file contains the reason.
"""

from __future__ import annotations

import contextlib
import json
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Callable

from ..errors import HostError
from ..system.capabilities import missing_capabilities
from ..system.files import make_folder, write_whole
from ..system.run import Completed, Runner

MTU = 1500
STATE_FILE = Path("run/linerate/lab.json")
"""The file with the state of the lab, relative to the root of the file system."""


@dataclass(frozen=True)
class End:
    """One end of the lab's cable: its namespace, its interface, and the MAC address that identifies it as the lab's."""

    namespace: str
    interface: str
    mac: str


SENDER = End("linerate-sender1", "lrs0", "02:00:00:00:00:01")
RECEIVER = End("linerate-receiver1", "lrr0", "02:00:00:00:00:02")
ENDS = (SENDER, RECEIVER)


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


@dataclass(frozen=True)
class _EndState:
    """The current state of an end. ``link`` is None without its interface; ``stale``: a name without a namespace."""

    exists: bool = False
    stale: bool = False
    lo_up: bool = False
    link: dict[str, Any] | None = None
    settings: dict[str, str] | None = None


def open_packet_socket() -> None:
    """Open and close a packet socket, which needs CAP_NET_RAW. Raises PermissionError without it."""
    socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0).close()


def read_state(root: Path = Path("/")) -> State | None:
    """The state that the last :func:`present` stored, or None where there is no lab."""
    try:
        stored = json.loads((root / STATE_FILE).read_text(encoding="utf-8"))
        return State(backend=stored["backend"], reason=stored["reason"])
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError):
        return State(backend="unknown", reason="the state file is not valid")


def present(
    run: Runner,
    root: Path = Path("/"),
    try_packet_socket: Callable[[], None] = open_packet_socket,
    check: bool = False,
) -> Change:
    """Create or repair the lab.

    Raises :class:`HostError` where a namespace or interface of the lab's name is not the lab's, a command fails, or
    this process may neither create namespaces nor send on the loopback interface.
    """
    refusal = why_no_namespaces(run, root)
    if refusal is None:
        state = State("netns", "this process may create network namespaces")
        steps = [" ".join(argv) for argv in _apply(run, _repairs(run, root), check)]
        remaining = [] if check else _repairs(run, root)
        if remaining:
            hint = "Remove the lab with playbooks/lab_down.yml and create it again."
            raise HostError("lab", " ".join(remaining[0]), "had no effect", hint)
    else:
        _require_packet_socket(try_packet_socket)
        state, steps = State("loopback", refusal), []
    if read_state(root) != state:
        steps.append(f"write {root / STATE_FILE}: {state.backend}")
        if not check:
            _write_state(root, state)
    return Change(state, tuple(steps))


def absent(run: Runner, root: Path = Path("/"), check: bool = False) -> Change:
    """Remove the namespaces with their contents, and the state file.

    Raises :class:`HostError` where a namespace of the lab's name contains other interfaces, or this process may not
    remove it.
    """
    steps: list[str] = []
    if (root / STATE_FILE).exists():
        steps.append(f"remove {root / STATE_FILE}")
        if not check:
            _remove_state(root)
    removals: list[tuple[str, ...]] = []
    for end in ENDS:
        if not _named(root, end):
            continue
        if _read_end(run, root, end).link is not None and not removals:
            removals.append(("ip", "-n", end.namespace, "link", "delete", end.interface))
        removals.append(("ip", "netns", "delete", end.namespace))
    steps += [" ".join(argv) for argv in _apply(run, removals, check)]
    return Change(None, tuple(steps))


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
            why = f"{' and '.join(missing)} {verb} missing" if missing else _error_line(tried)
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


def _repairs(run: Runner, root: Path) -> list[tuple[str, ...]]:
    """The commands that create or repair the lab; none where it is complete."""
    found = {end: _read_end(run, root, end) if _named(root, end) else _EndState() for end in ENDS}
    steps: list[tuple[str, ...]] = []
    for end in ENDS:
        if found[end].stale:
            steps.append(("ip", "netns", "delete", end.namespace))
        if not found[end].exists:
            steps.append(("ip", "netns", "add", end.namespace))
        steps += _setting_repairs(root, end, found[end])
    joined = _joined(found[SENDER].link, found[RECEIVER].link)
    if not joined:
        for end in ENDS:
            steps += _removal_of_unpaired(end, found[end].link)
        near = (SENDER.interface, "address", SENDER.mac, "mtu", str(MTU))
        far = (RECEIVER.interface, "address", RECEIVER.mac, "mtu", str(MTU), "netns", RECEIVER.namespace)
        steps.append(("ip", "-n", SENDER.namespace, "link", "add", *near, "type", "veth", "peer", "name", *far))
    for end in ENDS:
        steps += _link_repairs(end, found[end].link if joined else None)
    return steps


def _setting_repairs(root: Path, end: End, state: _EndState) -> list[tuple[str, ...]]:
    inside = ("ip", "netns", "exec", end.namespace)
    found = state.settings or {}
    wrong = [f"{key}={value}" for key, value in _wanted_settings(root).items() if found.get(key) != value]
    own = f"net.ipv6.conf.{end.interface}.disable_ipv6"
    if found.get(own, "1") != "1":
        wrong.append(f"{own}=1")
    steps: list[tuple[str, ...]] = [(*inside, "sysctl", "-qw", *wrong)] if wrong else []
    if not state.lo_up:
        steps.append(("ip", "-n", end.namespace, "link", "set", "lo", "up"))
    return steps


def _link_repairs(end: End, link: dict[str, Any] | None) -> list[tuple[str, ...]]:
    of_link = ("ip", "-n", end.namespace, "link", "set", end.interface)
    if link is None:
        return [(*of_link, "up")]
    steps: list[tuple[str, ...]] = []
    if link["address"] != end.mac:
        steps.append((*of_link, "address", end.mac))
    if link["mtu"] != MTU:
        steps.append((*of_link, "mtu", str(MTU)))
    if link["addr_info"]:
        steps.append(("ip", "-n", end.namespace, "address", "flush", "dev", end.interface))
    if "UP" not in link["flags"]:
        steps.append((*of_link, "up"))
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


def _joined(sender: dict[str, Any] | None, receiver: dict[str, Any] | None) -> bool:
    """Whether the two interfaces are the two ends of one veth pair."""
    if sender is None or receiver is None:
        return False
    kinds = {link.get("linkinfo", {}).get("info_kind") for link in (sender, receiver)}
    crossed = sender.get("link_index") == receiver["ifindex"] and receiver.get("link_index") == sender["ifindex"]
    return kinds == {"veth"} and crossed


def _wanted_settings(root: Path) -> dict[str, str]:
    """No forwarding, and no IPv6, whose router solicitations and MLD reports would be counted as traffic."""
    settings = {"net.ipv4.ip_forward": "0"}
    if (root / "proc/sys/net/ipv6").is_dir():
        settings["net.ipv6.conf.all.disable_ipv6"] = "1"
        settings["net.ipv6.conf.default.disable_ipv6"] = "1"
    return settings


def _read_end(run: Runner, root: Path, end: End) -> _EndState:
    """The state of an end. Raises :class:`HostError` where its namespace contains other interfaces."""
    listed = run(("ip", "-n", end.namespace, "-json", "-details", "address", "show"))
    if listed.returncode != 0 and "Invalid argument" in listed.stderr:
        return _EndState(stale=True)
    links = {link["ifname"]: link for link in json.loads(_checked(listed).stdout)}
    others = [name for name, link in links.items() if name not in ("lo", end.interface) and "UP" in link["flags"]]
    if others:
        raise HostError(
            "network namespace",
            end.namespace,
            f"contains {', '.join(others)}, which linerate did not create",
            f"Move it away, or delete the namespace: ip netns delete {end.namespace}.",
        )
    link = links.get(end.interface)
    keys = [*_wanted_settings(root), *([f"net.ipv6.conf.{end.interface}.disable_ipv6"] if link else [])]
    printed = run(("ip", "netns", "exec", end.namespace, "sysctl", "-e", *keys))
    lines = [line.split("=", 1) for line in printed.stdout.splitlines() if "=" in line]
    settings = {key.strip(): value.strip() for key, value in lines}
    return _EndState(exists=True, lo_up="UP" in links["lo"]["flags"], link=link, settings=settings)


def _named(root: Path, end: End) -> bool:
    """Whether the namespace has a name. Reads the folder, which works without iproute2, too."""
    return (root / "run/netns" / end.namespace).exists()


def _apply(run: Runner, steps: Sequence[tuple[str, ...]], check: bool) -> Sequence[tuple[str, ...]]:
    if not check:
        for argv in steps:
            done = run(argv)
            # The kernel removes a veth asynchronously after it has deleted its peer's namespace.
            gone = "delete" in argv and "Cannot find device" in done.stderr
            if not gone:
                _checked(done)
    return steps


def _checked(done: Completed) -> Completed:
    if done.returncode != 0:
        hint = "Run it as the same user to find the cause; the lab needs CAP_SYS_ADMIN and CAP_NET_ADMIN."
        raise HostError("command", " ".join(done.argv), f"exited with {done.returncode}: {_error_line(done)}", hint)
    return done


def _error_line(done: Completed) -> str:
    """The first line of a program's error message, without a full stop."""
    lines = (done.stderr or done.stdout).strip().splitlines()
    return lines[0].rstrip(".") if lines else f"{done.argv[0]} exited with {done.returncode}"


def _write_state(root: Path, state: State) -> None:
    """Write the state atomically, readable by everyone, since an unprivileged controller reads it."""
    path = root / STATE_FILE
    try:
        make_folder(path.parent)
    except OSError as error:
        raise HostError("lab", str(path), f"cannot be written ({error.strerror})", "Run as root.") from error
    write_whole(path, (json.dumps({"backend": state.backend, "reason": state.reason}) + "\n").encode())


def _remove_state(root: Path) -> None:
    path = root / STATE_FILE
    path.unlink()
    # The folder stays where it contains other files of linerate.
    with contextlib.suppress(OSError):
        path.parent.rmdir()
