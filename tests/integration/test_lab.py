"""The embedded lab, created and removed by the playbooks and by the core."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tests.integration.conftest import REPOSITORY, VENV_BIN

from linerate.controller.snmp import Agent, Target
from linerate.errors import HostError
from linerate.lab import namespaces as core
from linerate.lab.agent import AUTH_PASSWORD, PRIV_PASSWORD, USER
from linerate.lab.topology import TOPOLOGIES
from linerate.system.run import run

STATE = Path("/run/linerate/lab.json")
NO_NAMESPACES = ("net_admin", "sys_admin")
VERSION_3 = {"user": USER, "auth_password": AUTH_PASSWORD, "priv_password": PRIV_PASSWORD}
IF_NAME = "1.3.6.1.2.1.31.1.1.1.1"


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


@pytest.fixture(params=sorted(TOPOLOGIES))
def topology(request, namespaces, free_port):
    """Each bench of the lab, created; its damage is repaired or removed afterwards."""
    lab = core.Lab(TOPOLOGIES[request.param], snmp_port=free_port)
    core.present(run, lab)
    yield lab
    core.absent(run, lab)


def snmp_target(lab: core.Lab, **credentials: str) -> Target:
    return Target(lab.topology.agent_address, lab.snmp_port, **credentials)


def test_every_bench_is_complete_and_leaves_nothing(topology):
    assert not core.present(run, topology).changed
    assert set(ip("netns", "list").split()) >= set(topology.topology.namespaces)
    for cable in topology.topology.cables:
        assert {link(end)["operstate"] for end in cable} == {"UP"}
    assert core.absent(run, topology).changed
    assert not core.absent(run, topology).changed
    assert ip("netns", "list") == ""
    assert list(Path("/run/linerate").glob("lab*")) == []


def test_benches_exist_next_to_each_other(created, topology):
    assert core.present(run).steps == ()
    if topology.topology.name != "direct":
        core.absent(run, topology)
        assert link(core.SENDER)["operstate"] == "UP"


WITH_DEVICE = pytest.mark.parametrize(
    "topology", [name for name, bench in TOPOLOGIES.items() if bench.device], indirect=True
)


@WITH_DEVICE
def test_a_device_is_repaired_and_answers(topology):
    device, agent = topology.topology.device, topology.agent
    for damage in (
        ("-n", device, "address", "flush", "dev", "lrd0"),
        ("-n", device, "link", "set", "lrd0", "down"),
        ("-n", device, "neighbour", "flush", "nud", "permanent"),
    ):
        ip(*damage)
        core.present(run, topology)
        assert not core.present(run, topology).changed
    os.kill(int((agent.folder / "snmpd.pid").read_text()), signal.SIGKILL)
    assert core.present(run, topology).steps == (agent.step,)
    for credentials in ({"community": "linerate-lab"}, {"version": "3", **VERSION_3}):
        with Agent(snmp_target(topology, **credentials)) as session:
            assert "lrd0" in session.walk(IF_NAME).values()


@WITH_DEVICE
def test_the_next_hop_is_queried_from_an_interface_without_an_address(topology):
    sender, port = topology.topology.cables[0]
    target = port.address.partition("/")[0]
    source = "2001:2::1" if ":" in target else "198.18.0.1"
    program = f"from linerate.pcap.neighbour import *; print(find_neighbour('lrs0', {target!r}, {source!r}))"
    done = run(("ip", "netns", "exec", sender.namespace, sys.executable, "-c", program))
    assert done.stdout == f"{port.mac}\n", done.stderr
    assert ip("-n", sender.namespace, "address", "show", "dev", "lrs0").count("inet") == 0


def test_an_occupied_snmp_port_is_one_error(namespaces, free_port):
    lab = core.Lab(TOPOLOGIES["firewall"], snmp_port=free_port)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as occupied:
        occupied.bind(("127.0.0.1", free_port))
        with pytest.raises(HostError, match=rf"UDP port {free_port}: cannot be used.*Set lab_snmp_port to a free port"):
            core.present(run, lab)
    core.absent(run, lab)


def test_only_the_direct_bench_works_without_namespaces(play):
    refused = play("playbooks/lab.yml", "-e", "lab_topology=firewall", drop=NO_NAMESPACES)
    assert refused.rc != 0
    assert "lab 'firewall': this process may not create network namespaces: CAP_SYS" in refused.failures[0]


def test_a_user_without_sudo_gets_one_error_with_the_fix(created):
    """A user namespace gives this test a user who is not root, whom sudo, if it is installed at all, refuses."""
    ansible = [str(VENV_BIN / "ansible"), "sender1", "-m", "ansible.builtin.ping"]
    someone = ["unshare", "--user", "--map-user=1000", "--map-group=1000"]
    done = subprocess.run([*someone, *ansible], cwd=REPOSITORY, check=False, capture_output=True, text=True)
    assert done.returncode != 0
    assert "sender1 | UNREACHABLE" in done.stdout
    assert "The namespace linerate-sender1 needs root (" in done.stdout
    assert "Let this user use sudo without a password" in done.stdout
