"""Reading, storing and restoring the settings of a NIC, on a simulated NIC and on the loopback interface."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from linerate.errors import HostError
from linerate.nic import state as nic_state
from linerate.nic.offloads import feature_groups, read_features
from linerate.nic.state import read_state, restore_found, restore_state, store_found
from linerate.system.run import Completed, run

FEATURES = """\
Features for ens4:
rx-checksumming: {rx}
tx-checksumming: on
\ttx-checksum-ipv4: off [fixed]
\ttx-checksum-ip-generic: {csum}
tcp-segmentation-offload: {tso}
\ttx-tcp-segmentation: {tso}
\ttx-tcp-mangleid-segmentation: off
generic-segmentation-offload: {gso}
large-receive-offload: off [fixed]
highdma: on [fixed]
rx-fcs: off
"""
NAMES = {"tx-checksum-ip-generic": "csum", "tx-tcp-segmentation": "tso"}
PAUSE = "Pause parameters for ens4:\nAutonegotiate:\t{autoneg}\nRX:\t\t{rx}\nTX:\t\t{tx}\nRX negotiated: off\n"


class Nic:
    """A simulated ens4 that ethtool and ip read and change."""

    def __init__(self, root: Path) -> None:
        self.folder = root / "sys/class/net/ens4"
        self.folder.mkdir(parents=True)
        self.features = {"rx": "on", "csum": "on", "tso": "on", "gso": "on"}
        self.pause = {"autoneg": "on", "rx": "on", "tx": "off"}
        self.attributes(flags=0x1003, mtu=1500)
        self.changes: list[str] = []

    def attributes(self, flags: int, mtu: int) -> None:
        self.flags, self.mtu = flags, mtu
        (self.folder / "flags").write_text(f"{flags:#x}\n")
        (self.folder / "mtu").write_text(f"{mtu}\n")

    def run(self, argv: Sequence[str]) -> Completed:
        if argv[:2] == ["ethtool", "-k"]:
            return Completed(tuple(argv), 0, FEATURES.format(**self.features), "")
        if argv[:2] == ["ethtool", "-a"]:
            return Completed(tuple(argv), 0, PAUSE.format(**self.pause), "")
        self.changes.append(" ".join(argv))
        if argv[0] == "ethtool":
            target = self.features if argv[1] == "-K" else self.pause
            for key, value in zip(argv[3::2], argv[4::2]):
                name = NAMES.get(key, key)
                if name not in target:
                    return Completed(tuple(argv), 1, "", f"Cannot change {key}")
                target[name] = value
        elif argv[5] == "mtu":
            self.attributes(self.flags, int(argv[6]))
        else:
            flag = {"promisc": 0x100, "up": 0x1, "down": 0x1}[argv[5]]
            on = argv[5] == "up" or argv[-1] == "on"
            self.attributes(self.flags | flag if on else self.flags & ~flag, self.mtu)
        return Completed(tuple(argv), 0, "", "")


@pytest.fixture
def nic(tmp_path: Path) -> Nic:
    return Nic(tmp_path)


def test_changeable_settings_are_read_by_the_names_that_set_them(nic, tmp_path):
    state = read_state("ens4", nic.run, str(tmp_path))
    assert (state.up, state.mtu, state.promiscuous) == (True, 1500, False)
    assert state.offloads == {
        "rx": True,
        "tx-checksum-ip-generic": True,
        "tx-tcp-segmentation": True,
        "tx-tcp-mangleid-segmentation": False,
        "gso": True,
        "rx-fcs": False,
    }
    assert state.pause == {"autoneg": True, "rx": True, "tx": False}


def test_each_name_of_a_feature_stands_for_its_members(nic):
    assert feature_groups(read_features("ens4", nic.run)) == {
        "rx-checksumming": ["rx"],
        "rx": ["rx"],
        "tx-checksumming": ["tx", "tx-checksum-ip-generic"],
        "tx": ["tx", "tx-checksum-ip-generic"],
        "tcp-segmentation-offload": ["tso", "tx-tcp-segmentation", "tx-tcp-mangleid-segmentation"],
        "tso": ["tso", "tx-tcp-segmentation", "tx-tcp-mangleid-segmentation"],
        "generic-segmentation-offload": ["gso"],
        "gso": ["gso"],
        "large-receive-offload": ["lro"],
        "lro": ["lro"],
        "highdma": ["highdma"],
        "rx-fcs": ["rx-fcs"],
    }


def test_settings_changed_by_netmap_are_restored(nic, tmp_path):
    before = read_state("ens4", nic.run, str(tmp_path))
    nic.features.update(rx="off", csum="off", tso="off", gso="off")
    nic.pause.update(autoneg="off", rx="off")
    nic.attributes(flags=0x1102, mtu=9000)
    planned = restore_state(before, nic.run, str(tmp_path), check=True)
    assert nic.changes == []
    assert restore_state(before, nic.run, str(tmp_path)) == planned == tuple(nic.changes)
    assert nic.changes == [
        "ip link set dev ens4 mtu 1500",
        "ethtool -K ens4 rx on tx-checksum-ip-generic on tx-tcp-segmentation on gso on",
        "ethtool -A ens4 autoneg on rx on",
        "ip link set dev ens4 promisc off",
        "ip link set dev ens4 up",
    ]
    assert read_state("ens4", nic.run, str(tmp_path)) == before
    assert restore_state(before, nic.run, str(tmp_path)) == ()


def test_negotiated_flow_control_is_not_restored(nic, tmp_path):
    before = read_state("ens4", nic.run, str(tmp_path))
    nic.pause.update(rx="off", tx="on")
    assert restore_state(before, nic.run, str(tmp_path)) == ()


def test_setting_fixed_by_the_new_driver_is_not_restored(nic, tmp_path, monkeypatch):
    before = read_state("ens4", nic.run, str(tmp_path))
    nic.features["rx"] = "off"
    monkeypatch.setattr(
        f"{__name__}.FEATURES", FEATURES.replace("rx-checksumming: {rx}", "rx-checksumming: off [fixed]")
    )
    assert restore_state(before, nic.run, str(tmp_path)) == ()


def test_original_settings_are_stored_once_and_restored(nic, tmp_path):
    root = str(tmp_path)
    store_found(read_state("ens4", nic.run, root), root)
    nic.features["gso"] = "off"
    store_found(read_state("ens4", nic.run, root), root)
    wanted = ("ethtool -K ens4 gso on", "remove /var/lib/linerate/nic/ens4.json")
    assert restore_found("ens4", nic.run, root, check=True) == wanted
    assert restore_found("ens4", nic.run, root) == wanted
    assert nic.features["gso"] == "on"
    assert restore_found("ens4", nic.run, root) == ()


def test_damaged_stored_state_is_named(nic, tmp_path):
    path = nic_state.found_path("ens4", str(tmp_path))
    path.parent.mkdir(parents=True)
    path.write_text('{"interface": "ens4"')
    with pytest.raises(HostError, match=r"ens4\.json.*cannot be read"):
        restore_found("ens4", nic.run, str(tmp_path))


def test_loopback_of_this_machine_needs_no_restoring():
    state = read_state("lo", run)
    assert state.up
    assert restore_state(state, run, check=True) == ()
    with pytest.raises(HostError, match="does not exist"):
        read_state("nope0", run)
