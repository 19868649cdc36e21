"""What every sender must have: tcpreplay, the build tools, Python, and an interface that can send."""

from __future__ import annotations

import json
import os

import pytest

TOOLS = ("cc", "make", "git", "ethtool", "ip")
LIBPCAP_HEADER = "/usr/include/pcap/pcap.h"
COMMANDS = {
    "links": "ip -json link show",
    "routes": "ip -json -4 route show default",
    "routes6": "ip -json -6 route show default",
    "tools": "; ".join(f"command -v {tool}" for tool in TOOLS),
    "header": f"ls {LIBPCAP_HEADER}",
}


@pytest.fixture(scope="module")
def found(outputs) -> dict:
    """The host's links and default routes as `ip` prints them, and the tools it has."""
    printed = outputs(COMMANDS)
    routes = [*json.loads(printed["routes"] or "[]"), *json.loads(printed["routes6"] or "[]")]
    return {
        "links": {
            name: link
            for link in json.loads(printed["links"] or "[]")
            for name in (link["ifname"], *link.get("altnames", ()))
        },
        "default_routes": {route["dev"] for route in routes},
        "tools": {os.path.basename(line) for line in printed["tools"].splitlines()},
        "header": printed["header"],
    }


@pytest.fixture(scope="module")
def link(found, interface) -> dict:
    """The sending interface; empty where it does not exist."""
    return found["links"].get(interface, {})


def test_tcpreplay_runs(tcpreplay, expected):
    """tcpreplay is installed, runs, and prints its version."""
    assert tcpreplay.get("version"), tcpreplay.get("msg", f"there is no {expected['tcpreplay']['executable']}")


def test_tcpreplay_sends_through_a_packet_socket(tcpreplay):
    """tcpreplay sends through a packet socket by default."""
    method = tcpreplay.get("default_method")
    assert str(method).startswith("PF_PACKET"), f"its injection method is {method or 'not known'}"


@pytest.mark.parametrize("tool", TOOLS)
def test_tool_is_in_path(found, tool):
    """{tool} is in PATH."""
    assert tool in found["tools"], "it is not"


def test_headers_of_libpcap(found):
    """The headers of libpcap are installed."""
    assert found["header"] == LIBPCAP_HEADER, f"there is no {LIBPCAP_HEADER}"


@pytest.mark.usefixtures("host")
def test_python(expected):
    """Python is 3.9 or newer."""
    version = expected["python"]
    assert tuple(map(int, version.split("."))) >= (3, 9), f"it is {version}"


def test_interface_exists(found, interface):
    """The sending interface exists."""
    assert interface in found["links"], f"there is no {interface} among {', '.join(found['links'])}"


def test_interface_is_up(link, interface):
    """The sending interface is up."""
    assert "UP" in link.get("flags", []), f"{interface} {'is down' if link else 'does not exist'}"


def test_interface_has_a_carrier(link, interface):
    """The sending interface has a carrier."""
    assert "LOWER_UP" in link.get("flags", []), f"{interface} {'has none' if link else 'does not exist'}"


def test_interface_mtu(link, interface):
    """The sending interface has an MTU of 1500 or more."""
    assert link.get("mtu", 0) >= 1500, f"{interface} {'has ' + str(link['mtu']) if link else 'does not exist'}"


def test_interface_has_no_default_route(found, link, interface):
    """The sending interface does not carry the default route."""
    assert link.get("ifname", interface) not in found["default_routes"], f"the default route uses {interface}"
