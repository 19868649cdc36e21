"""The embedded lab, created and removed by the playbooks and by the core."""

from __future__ import annotations

import json
import subprocess
import time
from pathlib import Path

import pytest

from linerate.errors import HostError
from linerate.lab import namespaces as core
from linerate.system.run import run

STATE = Path("/run/linerate/lab.json")
NO_NAMESPACES = ("net_admin", "sys_admin")


def ip(*words: str) -> str:
    return subprocess.run(["ip", *words], check=True, capture_output=True, text=True).stdout


def link(end: core.End) -> dict:
    return json.loads(ip("-n", end.namespace, "-json", "-details", "address", "show", "dev", end.interface))[0]


@pytest.fixture
def created(namespaces):
    """The lab, created by the core without Ansible."""
    change = core.present(run)
    yield change
    subprocess.run(["ip", "-n", core.SENDER.namespace, "link", "delete", "foreign0"], check=False, capture_output=True)
    core.absent(run)


def test_playbooks_create_and_remove_the_lab(namespaces, play):
    first = play("playbooks/lab.yml")
    assert (first.rc, first.changed_tasks) == (0, 1), first.stdout
    assert json.loads(STATE.read_text())["backend"] == "netns"
    again = play("playbooks/lab.yml")
    assert (again.rc, again.changed_tasks) == (0, 0), again.stdout

    predicted = play("playbooks/lab_down.yml", "--check")
    assert (predicted.rc, predicted.changed_tasks) == (0, 1), predicted.stdout
    assert len(ip("netns", "list").splitlines()) == 2
    down = play("playbooks/lab_down.yml")
    assert (down.rc, down.changed_tasks) == (0, 1), down.stdout
    assert ip("netns", "list") == ""
    assert not STATE.exists()
    assert play("playbooks/lab_down.yml").changed_tasks == 0


def test_check_mode_predicts_without_changes(namespaces, play):
    predicted = play("playbooks/lab.yml", "--check", "--diff")
    assert (predicted.rc, predicted.changed_tasks) == (0, 1), predicted.stdout
    assert "+ip netns add linerate-sender1" in predicted.stdout
    assert ip("netns", "list") == ""
    assert not STATE.exists()


def test_loopback_without_the_right_to_create_namespaces(play):
    """Also where namespaces of an earlier run exist, which it can neither enter nor remove."""
    core.present(run)
    first = play("playbooks/lab.yml", drop=NO_NAMESPACES)
    assert first.rc == 0, first.stdout
    reason = "this process may not create network namespaces: CAP_SYS_ADMIN and CAP_NET_ADMIN are missing"
    assert json.loads(STATE.read_text()) == {"backend": "loopback", "reason": reason}
    assert "The lab fell back to the loopback interface" in first.stdout
    again = play("playbooks/lab.yml", drop=NO_NAMESPACES)
    assert (again.rc, again.changed_tasks) == (0, 0), again.stdout
    verified = play("playbooks/verify.yml", drop=NO_NAMESPACES)
    assert verified.rc == 0, verified.stdout
    core.absent(run)


def test_error_without_the_right_to_send_raw_frames(play):
    refused = play("playbooks/lab.yml", drop=(*NO_NAMESPACES, "net_raw"))
    assert refused.rc != 0
    assert "CAP_NET_RAW" in refused.failures[0]
    assert "docker run --cap-add=NET_RAW" in refused.failures[0]
    assert not STATE.exists()


def test_missing_namespace_is_an_error_with_a_hint(namespaces, play):
    unreachable = play("playbooks/verify.yml")
    assert unreachable.rc != 0
    assert "linerate-sender1 does not exist: run playbooks/lab.yml first" in unreachable.failures[0]


@pytest.mark.parametrize("pipelining", ["true", "false"])
def test_host_in_a_namespace_has_its_own_interfaces(created, ansible, pipelining):
    """Also in /sys, which the namespace mounts again; without pipelining the module's file is copied first."""
    done = ansible("receiver1", "-m", "command", "-a", "ls /sys/class/net", "-e", f"ansible_pipelining={pipelining}")
    assert done.returncode == 0, done.stdout
    assert done.stdout.splitlines()[1:] == ["lo", "lrr0"]


def test_interfaces_and_settings(created):
    sender, receiver = link(core.SENDER), link(core.RECEIVER)
    for end, found in ((core.SENDER, sender), (core.RECEIVER, receiver)):
        assert (found["address"], found["mtu"], found["operstate"]) == (end.mac, 1500, "UP")
        assert found["addr_info"] == []
        settings = run(("ip", "netns", "exec", end.namespace, "sysctl", "-n", "net.ipv4.ip_forward")).stdout
        assert settings == "0\n"
    assert sender["link_index"] == receiver["ifindex"]


def test_cable_carries_only_sent_frames(created):
    """No router solicitation and no MLD report: only the sent frames arrive."""
    ip("-n", core.SENDER.namespace, "link", "set", "lrs0", "down")
    ip("-n", core.SENDER.namespace, "link", "set", "lrs0", "up")
    # With IPv6, an interface sends its first report and solicitation within this time.
    time.sleep(2)
    counted = ("-n", core.RECEIVER.namespace, "-json", "-stats", "link", "show", "dev", "lrr0")
    before = json.loads(ip(*counted))[0]["stats64"]["rx"]["packets"]
    assert before == 0
    sending = "import socket; s = socket.socket(17, 3); s.bind(('lrs0', 0)); s.send(bytes(60))"
    subprocess.run(["ip", "netns", "exec", core.SENDER.namespace, "python3", "-c", sending], check=True)
    assert json.loads(ip(*counted))[0]["stats64"]["rx"]["packets"] == 1


@pytest.mark.parametrize(
    "damage",
    [
        ("-n", core.SENDER.namespace, "link", "set", "lrs0", "down"),
        ("-n", core.SENDER.namespace, "link", "set", "lo", "down"),
        ("-n", core.SENDER.namespace, "link", "set", "lrs0", "mtu", "1400"),
        ("-n", core.RECEIVER.namespace, "link", "set", "lrr0", "address", "02:00:00:00:00:99"),
        ("-n", core.RECEIVER.namespace, "address", "add", "198.19.0.1/24", "dev", "lrr0"),
        ("-n", core.RECEIVER.namespace, "link", "delete", "lrr0"),
        ("netns", "exec", core.RECEIVER.namespace, "sysctl", "-qw", "net.ipv6.conf.lrr0.disable_ipv6=0"),
        ("netns", "exec", core.RECEIVER.namespace, "sysctl", "-qw", "net.ipv4.ip_forward=1"),
        ("netns", "delete", core.RECEIVER.namespace),
    ],
    ids=" ".join,
)
def test_damage_is_repaired(created, damage):
    ip(*damage)
    assert core.present(run, check=True).changed
    assert core.present(run).changed
    assert not core.present(run).changed
    assert link(core.SENDER)["operstate"] == "UP"
    assert link(core.RECEIVER)["addr_info"] == []


def test_stale_name_is_repaired(created):
    subprocess.run(["umount", f"/run/netns/{core.SENDER.namespace}"], check=True)
    assert core.present(run).changed
    assert not core.present(run).changed


def test_foreign_interface_in_the_namespace_is_refused(created):
    ip("-n", core.SENDER.namespace, "link", "add", "foreign0", "type", "veth", "peer", "name", "foreign1")
    ip("-n", core.SENDER.namespace, "link", "set", "foreign0", "up")
    for call in (core.present, core.absent):
        with pytest.raises(HostError, match=r"linerate-sender1.*contains foreign0, which linerate did not create"):
            call(run)
    assert "foreign0" in ip("-n", core.SENDER.namespace, "link")


def test_foreign_interface_with_the_name_of_the_lab_is_refused(created):
    ip("-n", core.SENDER.namespace, "link", "delete", "lrs0")
    ip(
        "-n",
        core.SENDER.namespace,
        "link",
        "add",
        "lrs0",
        "address",
        "02:12:34:56:78:9a",
        "type",
        "veth",
        "peer",
        "name",
        "other",
    )
    with pytest.raises(HostError, match=r"lrs0.*was not created by linerate"):
        core.present(run)
