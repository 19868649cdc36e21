"""A sender is what the roles promise. Run by playbooks/verify.yml, which names what is asked for."""

from __future__ import annotations

import json
import os

import pytest

INTERFACE = os.environ["LINERATE_VERIFY_INTERFACE"]
PYTHON = os.environ["LINERATE_VERIFY_PYTHON"]
TCPREPLAY = os.environ["LINERATE_VERIFY_TCPREPLAY"]
TOOLS = ("cc", "make", "git", "ethtool", "ip")
LIBPCAP_HEADER = "/usr/include/pcap/pcap.h"
ASK = {
    "links": "ip -json link show",
    "routes": "ip -json -4 route show default",
    "routes6": "ip -json -6 route show default",
    "tools": "; ".join(f"command -v {tool}" for tool in TOOLS),
    "header": f"ls {LIBPCAP_HEADER}",
}


@pytest.fixture(scope="module")
def network(ask) -> dict:
    """The host's links and default routes as `ip` says, and which tools it has."""
    asked = ask(ASK)
    routes = [*json.loads(asked["routes"] or "[]"), *json.loads(asked["routes6"] or "[]")]
    return {
        "links": {link["ifname"]: link for link in json.loads(asked["links"] or "[]")},
        "default_routes": {route["dev"] for route in routes},
        "tools": {os.path.basename(line) for line in asked["tools"].splitlines()},
        "header": asked["header"],
    }


@pytest.fixture(scope="module")
def link(network) -> dict:
    """The sending interface; empty where there is none of that name."""
    return network["links"].get(INTERFACE, {})


def test_tcpreplay_runs(tcpreplay):
    """tcpreplay is installed, runs, and says its version."""
    assert tcpreplay.get("version"), tcpreplay.get("msg", f"there is no {TCPREPLAY}")


def test_tcpreplay_sends_through_a_packet_socket(tcpreplay):
    """tcpreplay sends through a packet socket by default."""
    method = tcpreplay.get("default_method")
    assert str(method).startswith("PF_PACKET"), f"its injection method is {method or 'not known'}"


@pytest.mark.parametrize("tool", TOOLS)
def test_tool_is_there(network, tool):
    """{tool} is in PATH."""
    assert tool in network["tools"], "it is not"


def test_headers_of_libpcap(network):
    """The headers of libpcap are there to build with."""
    assert network["header"] == LIBPCAP_HEADER, f"there is no {LIBPCAP_HEADER}"


@pytest.mark.usefixtures("host")
def test_python():
    """Python is 3.9 or newer."""
    assert tuple(map(int, PYTHON.split("."))) >= (3, 9), f"it is {PYTHON}"


def test_interface_exists(network):
    """The sending interface exists."""
    assert INTERFACE in network["links"], f"there is no {INTERFACE} among {', '.join(network['links'])}"


def test_interface_is_up(link):
    """The sending interface is up."""
    assert "UP" in link.get("flags", []), f"{INTERFACE} is {'down' if link else 'not there'}"


def test_interface_has_a_carrier(link):
    """The sending interface has a carrier."""
    assert "LOWER_UP" in link.get("flags", []), f"{INTERFACE} {'has none' if link else 'is not there'}"


def test_interface_takes_full_frames(link):
    """The sending interface takes IP packets of 1500 bytes."""
    assert link.get("mtu", 0) >= 1500, f"the MTU of {INTERFACE} is {link.get('mtu', 'not there')}"


def test_interface_is_not_the_way_out(network):
    """The sending interface is not the one with the default route."""
    assert INTERFACE not in network["default_routes"], f"the default route goes through {INTERFACE}"
