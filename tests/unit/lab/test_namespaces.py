"""Creating and repairing the lab on a simulated machine; tests/integration/test_lab.py creates a real one."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from linerate.errors import HostError
from linerate.lab.hosts import STATE_FILE
from linerate.lab.namespaces import (
    RECEIVER,
    SENDER,
    Lab,
    State,
    absent,
    present,
    read_state,
    why_no_namespaces,
)
from linerate.system.capabilities import missing_capabilities
from linerate.system.run import Completed

FULL = "000001ffffffffff"
NET_RAW_ONLY = "0000000000002000"


class Machine:
    """A machine that simulates the calls of `ip`, `sysctl` and `unshare` that the lab makes."""

    def __init__(self, root: Path, capabilities: str = FULL, refuses: str = "") -> None:
        self.root = root
        self.refuses = refuses
        self.has_filters = True
        self.ran: list[str] = []
        status = root / "proc/self/status"
        status.parent.mkdir(parents=True)
        status.write_text(f"Name:\tpython3\nCapEff:\t{capabilities}\nSeccomp:\t0\n")

    def run(self, argv: Sequence[str]) -> Completed:
        words = " ".join(argv)
        if argv[0] == "unshare":
            refused = bool(self.refuses) and self.refuses in words
            return Completed(tuple(argv), int(refused), "", f"{argv[4]}: not allowed here.\n" if refused else "")
        self.ran.append(words)
        if argv[:3] == ("ip", "netns", "add"):
            (self.root / "run/netns").mkdir(parents=True, exist_ok=True)
            (self.root / "run/netns" / argv[3]).touch()
        if argv[:3] == ("ip", "netns", "delete"):
            (self.root / "run/netns" / argv[3]).unlink()
        if argv[-2:] == ("address", "show"):
            return Completed(tuple(argv), 0, json.dumps(self.links(argv[2])), "")
        if argv[0] == "tc":
            filtered = any("filter replace" in words for words in self.ran)
            return Completed(tuple(argv), int(not self.has_filters), "direct-action" if filtered else "", "")
        if "sysctl" in argv and "-e" in argv:
            return Completed(tuple(argv), 0, "net.ipv4.ip_forward = 0\n", "")
        return Completed(tuple(argv), 0, "", "")

    def links(self, namespace: str) -> list[dict]:
        end = SENDER if namespace == SENDER.namespace else RECEIVER
        lo = {"ifname": "lo", "ifindex": 1, "flags": ["LOOPBACK", "UP"]}
        made = any("type veth" in words for words in self.ran)
        own = {
            "ifname": end.interface,
            "ifindex": 2,
            "link_index": 2,
            "flags": ["BROADCAST", "UP", "LOWER_UP"],
            "mtu": 1500,
            "address": end.mac,
            "addr_info": [],
            "linkinfo": {"info_kind": "veth"},
        }
        return [lo, own] if made else [lo]


def refuse_packet_socket() -> None:
    raise PermissionError(1, "Operation not permitted")


def stored(machine: Machine) -> dict:
    return json.loads((machine.root / STATE_FILE).read_text())


def test_present_and_absent_are_idempotent(tmp_path):
    machine = Machine(tmp_path)
    assert present(machine.run, Lab(root=tmp_path)).changed
    assert stored(machine)["backend"] == "netns"
    ran = len(machine.ran)
    assert not present(machine.run, Lab(root=tmp_path)).changed
    assert not [words for words in machine.ran[ran:] if "show" not in words and "sysctl -e" not in words]
    assert absent(machine.run, Lab(root=tmp_path)).changed
    assert not (tmp_path / "run/linerate").exists()
    assert not absent(machine.run, Lab(root=tmp_path)).changed


def test_a_kernel_without_filters_has_a_lab_that_does_not_discard(tmp_path):
    machine = Machine(tmp_path)
    machine.has_filters = False
    change = present(machine.run, Lab(root=tmp_path))
    assert change.state.backend == "netns"
    assert not [step for step in change.steps if step.startswith("tc ")]
    assert not present(machine.run, Lab(root=tmp_path)).changed


def test_check_mode_predicts_without_changes(tmp_path):
    machine = Machine(tmp_path)
    predicted = present(machine.run, Lab(root=tmp_path), check=True)
    assert predicted.steps[0] == "ip netns add linerate-sender1"
    assert machine.ran == []
    assert read_state(Lab(root=tmp_path)) is None


def test_ipv6_is_disabled_only_where_the_kernel_has_it(tmp_path):
    without = present(Machine(tmp_path / "a").run, Lab(root=tmp_path / "a"), check=True)
    assert not [step for step in without.steps if "net.ipv6" in step]
    (tmp_path / "b/proc/sys/net/ipv6").mkdir(parents=True)
    machine = Machine(tmp_path / "b")
    with_ipv6 = present(machine.run, Lab(root=tmp_path / "b"), check=True)
    assert [step for step in with_ipv6.steps if "net.ipv6.conf.all.disable_ipv6=1" in step]


@pytest.mark.parametrize(
    ("capabilities", "reason"),
    [
        (NET_RAW_ONLY, "CAP_SYS_ADMIN and CAP_NET_ADMIN are missing"),
        ("000001ffffdfffff", "CAP_SYS_ADMIN is missing"),
        ("000001ffffffefff", "CAP_NET_ADMIN is missing"),
    ],
)
def test_loopback_with_the_missing_capabilities_as_reason(tmp_path, capabilities, reason):
    machine = Machine(tmp_path, capabilities, refuses="ip link add")
    change = present(machine.run, Lab(root=tmp_path), try_packet_socket=lambda: None)
    assert change.state == State("loopback", f"this process may not create network namespaces: {reason}")
    assert stored(machine) == {"backend": "loopback", "reason": change.state.reason}
    assert not present(machine.run, Lab(root=tmp_path), try_packet_socket=lambda: None).changed


@pytest.mark.parametrize("refused", ["ip link add", "mount", "sysctl"])
def test_refusal_despite_all_capabilities(tmp_path, refused):
    """Seccomp, AppArmor or a read-only /proc/sys: the program's error message is the reason."""
    machine = Machine(tmp_path, refuses=f"-- {refused}")
    program = refused.split()[0]
    expected = f"this process may not create network namespaces: {program}: not allowed here"
    assert why_no_namespaces(machine.run, tmp_path) == expected


def test_error_without_the_right_to_send_raw_frames(tmp_path):
    machine = Machine(tmp_path, "0000000000000000", refuses="ip link add")
    with pytest.raises(HostError, match=r"CAP_NET_RAW.*docker run --cap-add=NET_RAW"):
        present(machine.run, Lab(root=tmp_path), try_packet_socket=refuse_packet_socket)
    assert read_state(Lab(root=tmp_path)) is None


def test_backend_changes_with_the_privileges(tmp_path):
    machine = Machine(tmp_path, refuses="sysctl")
    assert present(machine.run, Lab(root=tmp_path), try_packet_socket=lambda: None).changed
    machine.refuses = ""
    assert present(machine.run, Lab(root=tmp_path)).changed
    assert read_state(Lab(root=tmp_path)).backend == "netns"
    machine.refuses = "sysctl"
    back = present(machine.run, Lab(root=tmp_path), try_packet_socket=lambda: None)
    assert back.steps == (f"write {tmp_path / STATE_FILE}: loopback",)


def test_corrupt_state_file_is_rewritten(tmp_path):
    machine = Machine(tmp_path)
    present(machine.run, Lab(root=tmp_path))
    (tmp_path / STATE_FILE).write_text("{")
    assert present(machine.run, Lab(root=tmp_path)).changed
    assert stored(machine)["backend"] == "netns"


def test_failed_command_is_reported(tmp_path):
    machine = Machine(tmp_path)

    def run(argv: Sequence[str]) -> Completed:
        if "veth" in argv and argv[0] == "ip":
            return Completed(tuple(argv), 2, "", "Error: Unknown device type.\n")
        return machine.run(argv)

    with pytest.raises(HostError, match=r"link add lrs0.*exited with 2: Error: Unknown device type"):
        present(run, Lab(root=tmp_path))


def test_repair_without_effect_is_an_error(tmp_path):
    machine = Machine(tmp_path)
    machine.links = lambda namespace: [{"ifname": "lo", "ifindex": 1, "flags": ["LOOPBACK"]}]
    with pytest.raises(HostError, match="had no effect"):
        present(machine.run, Lab(root=tmp_path))


def test_no_missing_capability_is_reported_without_proc(tmp_path):
    assert missing_capabilities(tmp_path, ("CAP_NET_RAW",)) == ()
