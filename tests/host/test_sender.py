"""A sender is what the roles promise. Run by playbooks/verify.yml, which names what is asked for."""

from __future__ import annotations

import json
import os

import pytest

INTERFACE = os.environ["LINERATE_VERIFY_INTERFACE"]
TCPREPLAY = os.environ["LINERATE_VERIFY_TCPREPLAY"]
TOOLS = ("cc", "make", "git", "ethtool", "ip")
LIBPCAP_HEADER = "/usr/include/pcap/pcap.h"


@pytest.fixture(scope="module")
def tcpreplay(host) -> dict:
    """What the host says of its tcpreplay; only ``msg``, why, where it does not run."""
    return host.ansible("tcpreplay_info", f"executable={TCPREPLAY}")


@pytest.fixture(scope="module")
def network(host) -> dict:
    """The host's links and default routes as `ip` says, and which tools it has, in one round trip."""
    asked = host.check_output(
        "ip -json link show; ip -json -4 route show default; ip -json -6 route show default; "
        "for tool in " + " ".join(TOOLS) + f"; do command -v $tool; done; ls {LIBPCAP_HEADER}; true"
    ).splitlines()
    documents = [json.loads(line) for line in asked if line.startswith("[")]
    flat = [entry for document in documents for entry in document]
    files = [line for line in asked if line.startswith("/")]
    return {
        "links": {entry["ifname"]: entry for entry in flat if "ifname" in entry},
        "default_routes": {entry["dev"] for entry in flat if entry.get("dst") == "default"},
        "tools": {os.path.basename(line) for line in files},
        "files": files,
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
    assert LIBPCAP_HEADER in network["files"], f"there is no {LIBPCAP_HEADER}"


def test_python(host):
    """Python is 3.9 or newer."""
    version = host.ansible("setup", "gather_subset=!all,!min,python")["ansible_facts"]["ansible_python"]["version"]
    assert (version["major"], version["minor"]) >= (3, 9), f"it is {version['major']}.{version['minor']}"


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
