"""Interfaces in use are refused, and so are those that are not ready to send."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from linerate.errors import HostError, InputError
from linerate.nic.offloads import read_features
from linerate.nic.read import read_nic, refuse_small_mtu, refuse_unready
from linerate.nic.use import default_route_interfaces, refuse_management
from linerate.pcap.destinations import BENCHMARK_NETWORKS, AllowedDestinations
from linerate.system.run import Completed, run

ROUTE = """\
Iface	Destination	Gateway 	Flags	RefCnt	Use	Metric	Mask		MTU	Window	IRTT
ens3	00000000	0102000A	0003	0	0	100	00000000	0	0	0
ens3	0002000A	00000000	0001	0	0	100	00FFFFFF	0	0	0
ens17	000012C6	00000000	0001	0	0	0	0000FEFF	0	0	0
"""
ZERO = "0" * 32
ROUTE6 = f"""\
{ZERO} 00 {ZERO} 00 fe800000000000000000000000000001 00000400 00000001 00000000 00000003     ens4
{ZERO} 00 {ZERO} 00 {ZERO} ffffffff 00000001 00000000 00200200       lo
fe800000000000000000000000000000 40 {ZERO} 00 {ZERO} 00000100 00000001 00000000 00000001    ens17
"""
TO_SSH = "2: ens5    inet 10.0.2.15/24 brd 10.0.2.255 scope global ens5\\       valid_lft forever"
ADDRESSES = [
    {"ifname": "ens6", "addr_info": [{"family": "inet", "local": "10.9.0.1", "scope": "global"}]},
    {"ifname": "ens7", "addr_info": [{"family": "inet6", "local": "2001:db8::1", "scope": "global"}]},
    {"ifname": "ens8", "addr_info": [{"family": "inet6", "local": "fe80::1", "scope": "link"}]},
    {"ifname": "ens9", "addr_info": [{"family": "inet", "local": "169.254.3.4", "scope": "global"}]},
    {"ifname": "ens10", "addr_info": [{"family": "inet", "local": "198.18.0.1", "scope": "global"}]},
    {"ifname": "ens11", "addr_info": [{"local": "198.18.0.1"}, {"local": "192.168.0.1"}]},
    {"ifname": "lo", "addr_info": [{"family": "inet", "local": "192.0.2.1", "scope": "global"}]},
]
BENCHMARK = AllowedDestinations(BENCHMARK_NETWORKS).holds


@pytest.fixture
def root(tmp_path: Path) -> str:
    net = tmp_path / "proc/net"
    net.mkdir(parents=True)
    (net / "route").write_text(ROUTE)
    (net / "ipv6_route").write_text(ROUTE6)
    return str(tmp_path)


def ip_address(argv):
    if "-json" in argv:
        return Completed(tuple(argv), 0, json.dumps(ADDRESSES), "")
    return Completed(tuple(argv), 0, TO_SSH if argv[-1] == "10.0.2.15" else "", "")


def test_default_routes_of_both_families(root):
    assert default_route_interfaces(root) == {"ens3", "ens4"}


@pytest.mark.parametrize(("interface", "rule"), [("ens3", "default route"), ("ens5", "SSH session")])
def test_management_interfaces_are_refused(root, interface, rule):
    session = {"SSH_CONNECTION": "10.0.2.2 50000 10.0.2.15 22"}
    with pytest.raises(InputError, match=rule):
        refuse_management(interface, session, ip_address, root)


def test_unused_interface_is_accepted(root):
    refuse_management("ens17", {"SSH_CONNECTION": "10.0.2.2 50000 10.0.2.15 22"}, ip_address, root)
    refuse_management("ens5", {}, ip_address, root)


@pytest.mark.parametrize(
    ("interface", "address"), [("ens6", "10.9.0.1"), ("ens7", "2001:db8::1"), ("ens11", "192.168.0.1")]
)
def test_interface_with_an_address_is_refused(root, interface, address):
    with pytest.raises(InputError, match=f"{interface}.*has the address {address}.*ip address flush dev {interface}"):
        refuse_management(interface, {}, ip_address, root, BENCHMARK)


@pytest.mark.parametrize("interface", ["ens8", "ens9", "ens10"])
def test_link_local_and_benchmark_addresses_are_accepted(root, interface):
    refuse_management(interface, {}, ip_address, root, BENCHMARK)


def test_every_address_counts_without_a_benchmark_network(root):
    with pytest.raises(InputError, match=r"has the address 198\.18\.0\.1"):
        refuse_management("ens10", {}, ip_address, root)


def test_loopback_may_have_any_address(root):
    (Path(root) / "sys/class/net/lo").mkdir(parents=True)
    (Path(root) / "sys/class/net/lo/type").write_text("772\n")
    refuse_management("lo", {}, ip_address, root, BENCHMARK)


def test_bridge_port_is_refused(root):
    (Path(root) / "sys/class/net/ens17/upper_br0").mkdir(parents=True)
    with pytest.raises(InputError, match="is in use by br0"):
        refuse_management("ens17", {}, ip_address, root)


def test_read_the_loopback_of_this_machine():
    found = read_nic("lo", run)
    assert found.mtu > 1500
    assert found.mac == "00:00:00:00:00:00"
    assert found.speed_bps is None
    assert found.offloads == {feature.name: feature.on for feature in read_features("lo", run)} != {}
    refuse_unready("lo")


def test_interface_that_is_not_ready_is_refused(tmp_path):
    with pytest.raises(HostError, match="does not exist"):
        read_nic("nope0", run)
    flags = tmp_path / "sys/class/net/eth9/flags"
    flags.parent.mkdir(parents=True)
    flags.write_text("0x1002\n")
    with pytest.raises(HostError, match=r"is down.*ip link set dev eth9 up"):
        refuse_unready("eth9", str(tmp_path))
    flags.write_text("0x1003\n")
    carrier = flags.with_name("carrier")
    carrier.write_text("0\n")
    with pytest.raises(HostError, match="is up and has no carrier"):
        refuse_unready("eth9", str(tmp_path))
    carrier.write_text("1\n")
    refuse_unready("eth9", str(tmp_path))


def test_mtu_limits_the_ethernet_payload():
    refuse_small_mtu("the receiver's interface", 1500, 1500)
    with pytest.raises(HostError, match="the receiver's interface: has an MTU of 1500 B, too small for the 1501 B"):
        refuse_small_mtu("the receiver's interface", 1500, 1501)
