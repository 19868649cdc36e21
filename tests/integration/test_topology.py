"""An interface is followed to whatever its frames leave by, and to whatever uses it, in every network namespace."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.integration.conftest import REPOSITORY
from tests.integration.test_preflight import command, refusal, sent
from tests.integration.trials import inside, ip, make_pcap

from linerate.lab.namespaces import RECEIVER, SENDER, End

OTHER = End("linerate-other", "other0", "02:00:00:00:00:09")


@pytest.fixture
def pcap(tmp_path: Path) -> str:
    return make_pcap(tmp_path / "test.pcap", packets=200)


@pytest.fixture(autouse=True)
def stacked(lab: None) -> Iterator[None]:
    """Remove the links of a test from the sender: the lab is not removed with links that are not its own."""
    yield
    for name in inside(SENDER, "ls", "/sys/class/net").split():
        if name not in ("lo", SENDER.interface):
            # A pair, or a stack, goes together.
            subprocess.run(["ip", "-n", SENDER.namespace, "link", "delete", name], capture_output=True, check=False)


@pytest.fixture
def other(lab: None) -> Iterator[None]:
    subprocess.run(["ip", "netns", "add", OTHER.namespace], check=True)
    yield
    subprocess.run(["ip", "netns", "delete", OTHER.namespace], check=True)


@pytest.fixture
def uplink(lab: None) -> str:
    """An interface of the sender that carries a default route by way of a test network."""
    ip(SENDER, "link", "add", "up0", "type", "veth", "peer", "name", "far0", "netns", RECEIVER.namespace)
    ip(RECEIVER, "link", "set", "far0", "up")
    ip(SENDER, "link", "set", "up0", "up")
    return "up0"


def default_route(name: str) -> None:
    ip(SENDER, "address", "add", "198.18.5.1/24", "dev", name)
    ip(SENDER, "route", "add", "default", "via", "198.18.5.2", "dev", name)


def refused(pcap: str, interface: str) -> str:
    done = subprocess.run(command(pcap, interface=interface), capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stdout
    assert len(done.stderr.splitlines()) == 1, done.stderr
    return done.stderr


def test_a_macvlan_in_another_named_namespace_is_a_use(other, pcap):
    ip(SENDER, "link", "add", "ch0", "link", SENDER.interface, "type", "macvlan", "mode", "bridge")
    ip(SENDER, "link", "set", "ch0", "netns", OTHER.namespace)
    assert f"'lrs0': is in use by ch0 in the network namespace '{OTHER.namespace}'" in refusal(pcap)


def test_a_macvlan_in_the_namespace_of_a_process_is_a_use(lab, pcap):
    ready = "import sys; print('ready', flush=True); sys.stdin.read()"
    container = subprocess.Popen(
        ["unshare", "--net", sys.executable, "-c", ready], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    with container:
        assert container.stdout is not None
        container.stdout.readline()
        ip(SENDER, "link", "add", "ch0", "link", SENDER.interface, "type", "macvlan", "mode", "bridge")
        ip(SENDER, "link", "set", "ch0", "netns", str(container.pid))
        assert f"is in use by ch0 in the network namespace of process {container.pid}" in refusal(pcap)
        container.communicate()


def test_a_link_of_the_same_number_in_another_namespace_is_no_use(other, pcap):
    """Both namespaces number their links from 1: the child of the other one's is not the child of lrs0."""
    ip(OTHER, "link", "add", "base0", "type", "veth", "peer", "name", "base1")
    ip(OTHER, "link", "add", "ch0", "link", "base0", "type", "macvlan", "mode", "bridge")
    ip(OTHER, "link", "set", "ch0", "netns", RECEIVER.namespace)
    assert sent(pcap)["claim"]["successful"] == 200


def test_an_alternative_name_is_resolved(pcap):
    ip(SENDER, "link", "property", "add", "dev", SENDER.interface, "altname", "enp9s0f1")
    allowed = ["198.18.0.0/15", RECEIVER.mac]
    options = {"interface": "enp9s0f1", "pcap": pcap, "allow_destinations": allowed, "topspeed": True}
    module = str(REPOSITORY / "tests/faults/module.py")
    shown = inside(SENDER, sys.executable, module, json.dumps({**options, "deadline_seconds": 30}))
    result = json.loads(shown)
    assert result["claim"]["successful"] == result["nic"]["tx_packets"] == 200
    assert "--intf1=lrs0" in result["argv"]


def macvlan(uplink: str) -> str:
    ip(SENDER, "link", "add", "mv0", "link", uplink, "type", "macvlan", "mode", "bridge")
    default_route(uplink)
    return "mv0"


def vxlan_by_the_route(uplink: str) -> str:
    default_route(uplink)
    ip(SENDER, "link", "add", "vx0", "type", "vxlan", "id", "3", "dstport", "4789", "remote", "203.0.113.9")
    return "vx0"


def vxlan_by_its_forwarding_table(uplink: str) -> str:
    default_route(uplink)
    ip(SENDER, "link", "add", "vx0", "type", "vxlan", "id", "3", "dstport", "4789")
    table = ["bridge", "fdb", "append", "00:00:00:00:00:00", "dev", "vx0", "dst", "203.0.113.9"]
    subprocess.run(["ip", "netns", "exec", SENDER.namespace, *table], check=True)
    return "vx0"


def bridge(uplink: str) -> str:
    ip(SENDER, "link", "add", "br0", "type", "bridge")
    ip(SENDER, "link", "set", uplink, "master", "br0")
    default_route(uplink)
    return "br0"


def veth_to_a_bridge(uplink: str) -> str:
    bridge(uplink)
    ip(SENDER, "link", "add", "ve0", "type", "veth", "peer", "name", "ve1")
    ip(SENDER, "link", "set", "ve1", "master", "br0", "up")
    return "ve0"


@pytest.mark.parametrize(
    "stack",
    [macvlan, vxlan_by_the_route, vxlan_by_its_forwarding_table, bridge, veth_to_a_bridge],
)
def test_an_interface_on_top_of_the_default_route_is_refused(uplink, pcap, stack: Callable[[str], str]):
    top = stack(uplink)
    ip(SENDER, "link", "set", "dev", top, "up")
    assert f"interface '{top}': sends by {uplink}, which carries the default route" in refused(pcap, top)


def test_a_macvlan_next_to_another_one_is_refused(uplink, pcap):
    for name in ("mv0", "mv1"):
        ip(SENDER, "link", "add", name, "link", uplink, "type", "macvlan", "mode", "private")
        ip(SENDER, "link", "set", name, "up")
    assert f"interface 'mv0': sends by {uplink}, which is in use by mv1" in refused(pcap, "mv0")


def test_a_veth_to_a_bridge_in_another_namespace_is_followed(other, pcap):
    ip(SENDER, "link", "add", "ve0", "type", "veth", "peer", "name", "ve1", "netns", OTHER.namespace)
    ip(OTHER, "link", "add", "br0", "type", "bridge")
    ip(OTHER, "link", "set", "ve1", "master", "br0", "up")
    ip(OTHER, "link", "set", "br0", "up")
    ip(SENDER, "link", "set", "ve0", "up")
    ip(OTHER, "address", "add", "192.0.2.9/24", "dev", "br0")
    error = f"sends by br0 in the network namespace '{OTHER.namespace}', which has the address 192.0.2.9"
    assert error in refused(pcap, "ve0")
    ip(OTHER, "address", "flush", "dev", "br0")
    ip(OTHER, "address", "add", "198.18.5.1/24", "dev", "br0")
    assert sent(pcap, interface="ve0")["claim"]["successful"] == 200


def test_a_tunnel_in_another_namespace_is_a_use_of_the_interface_of_its_route(other, pcap):
    ip(SENDER, "address", "add", "198.18.5.1/24", "dev", SENDER.interface)
    ip(SENDER, "link", "add", "vx0", "type", "vxlan", "id", "3", "dstport", "4789", "remote", "198.18.5.2")
    ip(SENDER, "link", "set", "vx0", "netns", OTHER.namespace)
    assert f"is in use by vx0 in the network namespace '{OTHER.namespace}'" in refusal(pcap)


def test_a_tunnel_that_takes_ip_packets_is_refused(lab, pcap):
    subprocess.run(["ip", "-n", SENDER.namespace, "tuntap", "add", "tun0", "mode", "tun"], check=True)
    ip(SENDER, "link", "set", "tun0", "up")
    assert "interface 'tun0': is not an Ethernet interface (link type 65534)" in refused(pcap, "tun0")
