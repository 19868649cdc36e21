"""Interfaces in use are refused: by the routes, addresses and links that iproute2 shows of a simulated host."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from linerate.errors import InputError
from linerate.nic.use import refuse_management, refuse_type
from linerate.pcap.destinations import BENCHMARK_NETWORKS, AllowedDestinations
from linerate.system.run import Completed

BENCHMARK = AllowedDestinations(BENCHMARK_NETWORKS).holds
SESSION = {"SSH_CONNECTION": "10.0.2.2 50000 10.0.2.15 22"}


class Host:
    """What `ip` and `bridge` show of one network namespace."""

    def __init__(self) -> None:
        self.links: list[dict[str, Any]] = []
        self.routes: list[dict[str, Any]] = []
        self.tables: dict[str, list[dict[str, Any]]] = {}
        self.ways: dict[str, str] = {}

    def link(self, name: str, kind: str = "", data: dict[str, Any] | None = None, **others: Any) -> None:
        shown = {"ifindex": len(self.links) + 1, "ifname": name, "address": f"02:00:00:00:00:{len(self.links):02x}"}
        self.links.append({**shown, "linkinfo": {"info_kind": kind, "info_data": data or {}}, **others})

    def address(self, name: str, *addresses: str, scope: str = "global") -> None:
        self.link(name, addr_info=[{"local": local, "scope": scope} for local in addresses])

    def run(self, argv: list[str]) -> Completed:
        if argv[0] == "bridge":
            shown: Any = self.tables.get(argv[-1], [])
        elif "get" in argv:
            way = self.ways.get(argv[argv.index("get") + 1])
            shown = [{"dev": way}] if way else []
        else:
            shown = self.routes if "route" in argv else self.links
        return Completed(tuple(argv), 0, json.dumps(shown), "")


@pytest.fixture
def host() -> Host:
    return Host()


@pytest.fixture
def refused(host, tmp_path):
    """A function that returns why an interface is refused; None where it is not."""

    def reason(interface: str, environment: dict[str, str] | None = None) -> str | None:
        try:
            refuse_management(interface, environment or {}, host.run, str(tmp_path), BENCHMARK)
        except InputError as error:
            return error.rule
        return None

    return reason


@pytest.mark.parametrize(
    "route",
    [
        {"dst": "default", "gateway": "10.0.2.2", "dev": "ens3"},
        {"dst": "default", "dev": "ens3", "table": "100"},
        {"dst": "default", "nexthops": [{"dev": "ens9"}, {"dev": "ens3"}]},
        {"dst": "128.0.0.0/1", "dev": "ens3"},
        {"dst": "2000::/3", "dev": "ens3"},
        {"dst": "default", "gateway": "fe80::1", "dev": "ens3"},
    ],
    ids=["main", "another table", "several next hops", "half", "global unicast", "IPv6"],
)
def test_an_interface_of_a_default_route_is_refused(host, refused, route):
    host.link("ens3")
    host.link("ens4")
    host.routes = [route, {"type": "unreachable", "dst": "default", "dev": "ens4"}]
    assert refused("ens3") == "carries the default route"
    assert refused("ens4") is None


def test_the_interface_of_the_ssh_session_is_refused(host, refused):
    host.address("ens5", "10.0.2.15")
    assert refused("ens5", SESSION) == "carries the SSH session"


def test_the_interface_of_the_route_to_the_ssh_client_is_refused(host, refused):
    host.address("lo", "10.0.2.15")
    host.link("ens5")
    host.ways["10.0.2.2"] = "ens5"
    assert refused("ens5", SESSION) == "carries the SSH session"
    assert refused("ens5") is None


@pytest.mark.parametrize(
    ("addresses", "refusal"),
    [
        (["10.9.0.1"], "10.9.0.1"),
        (["2001:db8::1"], "2001:db8::1"),
        (["198.18.0.1", "192.168.0.1"], "192.168.0.1"),
        (["169.254.3.4"], None),
        (["fe80::1"], None),
        (["198.18.0.1"], None),
    ],
)
def test_an_interface_with_an_address_in_use_is_refused(host, refused, addresses, refusal):
    host.address("ens6", *addresses)
    assert refused("ens6") == (f"has the address {refusal}, so it is in use" if refusal else None)


def test_an_interface_of_a_pppoe_session_is_refused(host, refused, tmp_path):
    host.link("ens6")
    host.link("ppp0")
    assert refused("ens6") is None
    table = tmp_path / "proc/self/net/pppoe"
    table.parent.mkdir(parents=True)
    table.write_text("Id       Address              Device\n00001234 02:00:00:00:00:77     ens6\n")
    assert refused("ens6") == "carries the PPPoE session with 02:00:00:00:00:77"
    assert refused("ens7") is None


def test_an_interface_with_a_peer_in_use_is_refused(host, refused):
    host.link("ens6", addr_info=[{"local": "198.18.0.1", "address": "10.0.0.1", "scope": "global"}])
    assert refused("ens6") == "has the address 10.0.0.1, so it is in use"


def test_the_hint_names_the_command_that_removes_the_address(host, tmp_path):
    host.address("ens6", "10.9.0.1")
    with pytest.raises(InputError, match=r"interface 'ens6': .*ip address flush dev ens6"):
        refuse_management("ens6", {}, host.run, str(tmp_path), BENCHMARK)


def test_every_address_counts_without_a_benchmark_network(host, tmp_path):
    host.address("ens10", "198.18.0.1")
    with pytest.raises(InputError, match=r"has the address 198\.18\.0\.1"):
        refuse_management("ens10", {}, host.run, str(tmp_path))


def test_a_route_to_another_network_is_a_use(host, refused):
    host.link("ens6")
    host.routes = [{"dst": "198.18.0.0/24", "dev": "ens6"}, {"dst": "fe80::/64", "dev": "ens6"}]
    assert refused("ens6") is None
    host.routes.append({"dst": "10.20.0.0/16", "dev": "ens6"})
    assert refused("ens6") == "carries the route to 10.20.0.0/16, so it is in use"


def test_loopback_may_have_any_address(host, refused):
    host.address("lo", "192.0.2.1")
    host.routes = [{"dst": "default", "dev": "lo"}]
    assert refused("lo") is None


def test_an_interface_below_another_is_refused(host, refused, tmp_path):
    (tmp_path / "sys/class/net/ens17/upper_br0").mkdir(parents=True)
    assert refused("ens17") == "is in use by br0"


TOPOLOGIES = {
    "VLAN": [("ens4.5", {"kind": "vlan", "link": "ens4"})],
    "stacked VLANs": [
        ("ens4.5", {"kind": "vlan", "link": "ens4"}),
        ("ens4.5.6", {"kind": "vlan", "link": "ens4.5"}),
    ],
    "macvlan": [("mv0", {"kind": "macvlan", "link": "ens4"})],
    "bond": [("bond0", {"kind": "bond", "members": True})],
    "bridge": [("br0", {"kind": "bridge", "members": True})],
    "team": [("team0", {"kind": "team", "members": True})],
    "HSR": [("hsr0", {"kind": "hsr", "data": {"slave1": "ens4", "slave2": "ens9"}})],
    "VLAN of a bond": [
        ("bond0", {"kind": "bond", "members": True}),
        ("bond0.7", {"kind": "vlan", "link": "bond0"}),
    ],
    "VXLAN bound to a device": [("vx0", {"kind": "vxlan", "data": {"remote": "10.0.0.2", "link": "ens4"}})],
    "VXLAN by the route": [("vx0", {"kind": "vxlan", "data": {"remote": "10.0.0.2"}})],
    "VXLAN by its forwarding table": [("vx0", {"kind": "vxlan", "data": {"id": 3}, "learned": "10.0.0.2"})],
    "VXLAN over IPv6": [("vx0", {"kind": "vxlan", "data": {"remote6": "2001:db8::2"}})],
    "GRE": [("gre1", {"kind": "gretap", "data": {"remote": "10.0.0.2", "local": "any"}})],
    "Geneve": [("gnv0", {"kind": "geneve", "data": {"remote": "10.0.0.2"}})],
    "veth to a bridge": [
        ("br0", {"kind": "bridge", "members": True}),
        ("ve1", {"kind": "veth", "link": "ve0", "master": "br0"}),
        ("ve0", {"kind": "veth", "link": "ve1"}),
    ],
    "Open vSwitch": [("ovs-system", {"kind": "openvswitch", "members": True}), ("int0", {"kind": "openvswitch"})],
}


@pytest.mark.parametrize("name", TOPOLOGIES)
def test_what_lies_below_is_followed_to_the_physical_interface(host, refused, name):
    layers = TOPOLOGIES[name]
    for layer, given in layers:
        details = {key: value for key, value in given.items() if key not in ("kind", "data", "members", "learned")}
        host.link(layer, given["kind"], given.get("data"), **details)
        if "learned" in given:
            host.tables[layer] = [{"mac": "00:00:00:00:00:00", "dst": given["learned"], "flags": ["self"]}]
    masters = [layer for layer, given in layers if given.get("members")]
    host.link("ens4", **({"master": masters[0]} if masters else {}))
    host.ways = {"10.0.0.2": "ens4", "2001:db8::2": "ens4"}
    top = layers[-1][0]
    assert refused(top) is None
    assert str(refused("ens4")).startswith("is in use by ")
    host.routes = [{"dst": "default", "dev": "ens4"}]
    assert refused(top) == "sends by ens4, which carries the default route"


def test_another_interface_on_the_same_lower_device_is_a_use(host, refused):
    host.link("ens4")
    host.link("ens4.5", "vlan", link="ens4")
    assert refused("ens4.5") is None
    host.link("ens4.6", "vlan", link="ens4")
    assert refused("ens4.5") == "sends by ens4, which is in use by ens4.6"


def test_the_physical_function_of_a_virtual_one_is_followed(host, refused, tmp_path):
    (tmp_path / "sys/class/net/ens4v0/device/physfn/net/ens4").mkdir(parents=True)
    host.link("ens4")
    host.link("ens4v0")
    assert refused("ens4v0") is None
    host.routes = [{"dst": "default", "dev": "ens4"}]
    assert refused("ens4v0") == "sends by ens4, which carries the default route"


def test_a_unicast_address_of_another_station_is_a_use(host, refused):
    host.link("ens4")
    own = host.links[0]["address"]
    filters = [own, "33:33:00:00:00:01", "01:00:5e:00:00:01"]
    host.tables["ens4"] = [{"mac": mac, "flags": ["self"], "state": "permanent"} for mac in filters]
    assert refused("ens4") is None
    host.tables["ens4"].append({"mac": "02:aa:00:00:00:01", "flags": ["self"], "state": "permanent"})
    assert "receives for the MAC 02:aa:00:00:00:01" in str(refused("ens4"))


@pytest.mark.parametrize(("number", "ethernet"), [("1", True), ("772", True), ("65534", False), ("778", False)])
def test_an_interface_that_is_not_ethernet_is_refused(tmp_path, number, ethernet):
    path = Path(tmp_path, "sys/class/net/tun0/type")
    path.parent.mkdir(parents=True)
    path.write_text(f"{number}\n")
    if ethernet:
        refuse_type("tun0", str(tmp_path))
        return
    with pytest.raises(InputError, match=f"interface 'tun0': is not an Ethernet interface .link type {number}"):
        refuse_type("tun0", str(tmp_path))
