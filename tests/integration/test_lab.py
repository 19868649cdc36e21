"""The embedded lab, made and removed by the real playbooks and the real core."""

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
def made(namespaces):
    """The lab as the core makes it, without Ansible around it."""
    change = core.present(run)
    yield change
    subprocess.run(["ip", "-n", core.SENDER.namespace, "link", "delete", "foreign0"], check=False, capture_output=True)
    core.absent(run)


def test_the_playbooks_make_and_remove_it(namespaces, play):
    first = play("playbooks/lab.yml")
    assert (first.rc, first.changed_tasks) == (0, 1), first.stdout
    assert json.loads(STATE.read_text())["backend"] == "netns"
    again = play("playbooks/lab.yml")
    assert (again.rc, again.changed_tasks) == (0, 0), again.stdout

    foretold = play("playbooks/lab_down.yml", "--check")
    assert (foretold.rc, foretold.changed_tasks) == (0, 1), foretold.stdout
    assert len(ip("netns", "list").splitlines()) == 2
    down = play("playbooks/lab_down.yml")
    assert (down.rc, down.changed_tasks) == (0, 1), down.stdout
    assert ip("netns", "list") == ""
    assert not STATE.exists()
    assert play("playbooks/lab_down.yml").changed_tasks == 0


def test_check_mode_foretells_and_makes_nothing(namespaces, play):
    foretold = play("playbooks/lab.yml", "--check", "--diff")
    assert (foretold.rc, foretold.changed_tasks) == (0, 1), foretold.stdout
    assert "+ip netns add linerate-sender1" in foretold.stdout
    assert ip("netns", "list") == ""
    assert not STATE.exists()


def test_loopback_where_namespaces_may_not_be_made(play):
    """Also where the namespaces of an earlier run are still there, which it can neither enter nor remove."""
    core.present(run)
    first = play("playbooks/lab.yml", drop=NO_NAMESPACES)
    assert first.rc == 0, first.stdout
    reason = "this process may not make network namespaces: CAP_SYS_ADMIN and CAP_NET_ADMIN are missing"
    assert json.loads(STATE.read_text()) == {"backend": "loopback", "reason": reason}
    assert "The lab fell back to the loopback interface" in first.stdout
    again = play("playbooks/lab.yml", drop=NO_NAMESPACES)
    assert (again.rc, again.changed_tasks) == (0, 0), again.stdout
    verified = play("playbooks/verify.yml", drop=NO_NAMESPACES)
    assert verified.rc == 0, verified.stdout
    core.absent(run)


def test_a_clear_error_where_not_even_raw_frames_may_be_sent(play):
    refused = play("playbooks/lab.yml", drop=(*NO_NAMESPACES, "net_raw"))
    assert refused.rc != 0
    assert "CAP_NET_RAW" in refused.failures[0]
    assert "docker run --cap-add=NET_RAW" in refused.failures[0]
    assert not STATE.exists()


def test_a_host_in_a_namespace_says_what_to_do_before_it_is_there(namespaces, play):
    unreachable = play("playbooks/verify.yml")
    assert unreachable.rc != 0
    assert "linerate-sender1 does not exist: run playbooks/lab.yml first" in unreachable.failures[0]


@pytest.mark.parametrize("pipelining", ["true", "false"])
def test_a_host_in_a_namespace_has_its_own_interfaces(made, ansible, pipelining):
    """Also /sys, which is another one in there; without pipelining a module's file is copied there first."""
    asked = ansible("receiver1", "-m", "command", "-a", "ls /sys/class/net", "-e", f"ansible_pipelining={pipelining}")
    assert asked.returncode == 0, asked.stdout
    assert asked.stdout.splitlines()[1:] == ["lo", "lrr0"]


def test_what_is_made(made):
    sender, receiver = link(core.SENDER), link(core.RECEIVER)
    for end, found in ((core.SENDER, sender), (core.RECEIVER, receiver)):
        assert (found["address"], found["mtu"], found["operstate"]) == (end.mac, 1500, "UP")
        assert found["addr_info"] == []
        settings = run(("ip", "netns", "exec", end.namespace, "sysctl", "-n", "net.ipv4.ip_forward")).stdout
        assert settings == "0\n"
    assert sender["link_index"] == receiver["ifindex"]


def test_the_cable_is_silent_and_carries_frames(made):
    """No router solicitation, no MLD report, nothing: what arrives is only what is sent."""
    ip("-n", core.SENDER.namespace, "link", "set", "lrs0", "down")
    ip("-n", core.SENDER.namespace, "link", "set", "lrs0", "up")
    # With IPv6 on, the first report and solicitation of an interface come within this time.
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
def test_damage_is_repaired(made, damage):
    ip(*damage)
    assert core.present(run, check=True).changed
    assert core.present(run).changed
    assert not core.present(run).changed
    assert link(core.SENDER)["operstate"] == "UP"
    assert link(core.RECEIVER)["addr_info"] == []


def test_a_name_without_a_namespace_is_repaired(made):
    subprocess.run(["umount", f"/run/netns/{core.SENDER.namespace}"], check=True)
    assert core.present(run).changed
    assert not core.present(run).changed


def test_a_foreign_interface_is_refused_by_name(made):
    ip("-n", core.SENDER.namespace, "link", "add", "foreign0", "type", "veth", "peer", "name", "foreign1")
    ip("-n", core.SENDER.namespace, "link", "set", "foreign0", "up")
    for refuses in (core.present, core.absent):
        with pytest.raises(HostError, match=r"linerate-sender1.*holds foreign0, which linerate did not make"):
            refuses(run)
    assert "foreign0" in ip("-n", core.SENDER.namespace, "link")


def test_an_interface_of_our_name_that_is_not_ours_is_refused(made):
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
    with pytest.raises(HostError, match=r"lrs0.*linerate did not make it"):
        core.present(run)
