"""Interfaces that must not be sent on, and those that cannot be."""

from __future__ import annotations

from pathlib import Path

import pytest

from linerate.errors import HostError, InputError
from linerate.host.nic import default_route_interfaces, read_nic, refuse_management, refuse_unready
from linerate.host.run import Completed, run

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
ADDRESS = "2: ens5    inet 10.0.2.15/24 brd 10.0.2.255 scope global ens5\\       valid_lft forever"


@pytest.fixture
def root(tmp_path: Path) -> str:
    net = tmp_path / "proc/net"
    net.mkdir(parents=True)
    (net / "route").write_text(ROUTE)
    (net / "ipv6_route").write_text(ROUTE6)
    return str(tmp_path)


def ip_address(argv):
    return Completed(tuple(argv), 0, ADDRESS if argv[-1] == "10.0.2.15" else "", "")


def test_default_routes_of_both_families(root):
    assert default_route_interfaces(root) == {"ens3", "ens4"}


@pytest.mark.parametrize(("interface", "rule"), [("ens3", "default route"), ("ens5", "SSH session")])
def test_management_interfaces_are_refused(root, interface, rule):
    session = {"SSH_CONNECTION": "10.0.2.2 50000 10.0.2.15 22"}
    with pytest.raises(InputError, match=rule):
        refuse_management(interface, session, ip_address, root)


def test_another_interface_is_not(root):
    refuse_management("ens17", {"SSH_CONNECTION": "10.0.2.2 50000 10.0.2.15 22"}, ip_address, root)
    refuse_management("ens5", {}, ip_address, root)


def test_this_machine_s_loopback():
    found = read_nic("lo", run)
    assert found["mtu"] > 1500
    assert found["mac"] == "00:00:00:00:00:00"
    assert found["speed_bps"] is None
    refuse_unready(found, 1514)


def test_what_cannot_carry_the_frames_is_refused():
    with pytest.raises(HostError, match="does not exist"):
        read_nic("nope0", run)
    with pytest.raises(HostError, match="too small for frames of 1515 B"):
        refuse_unready({"interface": "eth9", "carrier": True, "mtu": 1500}, 1515)
    refuse_unready({"interface": "eth9", "carrier": True, "mtu": 1500}, 1514)
    with pytest.raises(HostError, match="no carrier"):
        refuse_unready({"interface": "eth9", "carrier": False, "mtu": 1500}, 60)
