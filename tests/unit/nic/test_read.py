"""The properties of an interface; one that is not ready to send is refused."""

from __future__ import annotations

import json

import pytest

from linerate.errors import HostError
from linerate.nic import read
from linerate.nic.offloads import read_features
from linerate.nic.read import interface_name, read_mac, read_nic, refuse_small_mtu, refuse_unready, wait_for_carrier
from linerate.system.run import Completed, run


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


@pytest.mark.parametrize("carrier", [False, True])
def test_a_pause_between_readings_is_not_a_settled_carrier(carrier, tmp_path, monkeypatch):
    monkeypatch.setattr(read, "_POLL_SECONDS", 0.05)
    path = tmp_path / "sys/class/net/eth9/carrier"
    path.parent.mkdir(parents=True)
    path.write_text(f"{carrier:d}\n")
    assert wait_for_carrier("eth9", 0.1, 0.01, str(tmp_path)) is carrier


def test_mtu_limits_the_ethernet_payload():
    refuse_small_mtu("the receiver's interface", 1500, 1500)
    with pytest.raises(HostError, match="the receiver's interface: has an MTU of 1500 B, too small for the 1501 B"):
        refuse_small_mtu("the receiver's interface", 1500, 1501)


def test_an_alternative_name_is_resolved(tmp_path):
    (tmp_path / "sys/class/net/ens4").mkdir(parents=True)
    (tmp_path / "sys/class/net/ens4/mtu").write_text("1500\n")

    def ip(argv):
        found = json.dumps([{"ifname": "ens4"}]) if argv[-1] == "enp9s0f1" else ""
        return Completed(tuple(argv), 0 if found else 1, found, "")

    assert [interface_name(name, ip, str(tmp_path)) for name in ("ens4", "enp9s0f1", "nope0", "")] == [
        "ens4",
        "ens4",
        "nope0",
        "",
    ]


def test_the_mac_of_an_interface(tmp_path):
    assert read_mac("lo") == ""
    folder = tmp_path / "sys/class/net/ens4"
    folder.mkdir(parents=True)
    (folder / "address").write_text("02:00:00:00:00:01\n")
    assert read_mac("ens4", str(tmp_path)) == "02:00:00:00:00:01"
    with pytest.raises(HostError, match="interface 'ens5': does not exist on this host"):
        read_mac("ens5", str(tmp_path))
