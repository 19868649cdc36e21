"""Replacing drivers on a simulated host; tests/vm replaces real ones."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest
from tests.unit.packages.bench import KERNEL
from tests.unit.packages.netmap.conftest import Host

from linerate.errors import HostError, InputError
from linerate.packages.netmap import rebind
from linerate.packages.netmap.install import install, installed_manifest
from linerate.packages.netmap.rebind import Swap, go_native
from linerate.packages.netmap.remove import remove
from linerate.system.run import Completed


class Bench(Host):
    """A host whose NICs disappear and reappear with their driver: the patched one, if the folder updates has it."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.nics: dict[str, str] = {}
        self.addresses: dict[str, str] = {}
        self.dead: set[str] = set()
        self.routes: list[dict[str, str]] = []

    def nic(self, name: str, driver: str, mtu: int = 1500) -> None:
        self.nics[name] = driver
        self.appears(name, mtu)
        self.put(f"sys/module/{driver}/notes/.note.gnu.build-id", b"stock")

    def appears(self, name: str, mtu: int = 1500) -> None:
        self.interface(name, self.nics[name])
        for attribute, value in {"mtu": str(mtu), "carrier": "1", "flags": "0x1003", "address": "02:00"}.items():
            self.put(f"sys/class/net/{name}/{attribute}", f"{value}\n")

    def holders(self, driver: str) -> Path:
        return self.root / "sys/module/netmap/holders" / driver

    def run(self, argv: Sequence[str]) -> Completed:
        if list(argv) == ["ip", "-json", "route", "show", "table", "all"]:
            return Completed(tuple(argv), 0, json.dumps(self.routes), "")
        if list(argv[-2:]) == ["address", "show"]:
            links = [
                {"ifname": name, "addr_info": [{"local": local, "scope": "global"}]}
                for name, local in self.addresses.items()
            ]
            return Completed(tuple(argv), 0, json.dumps(links), "")
        if argv[0] in ("ethtool", "bridge") or argv[1] == "-json":
            return Completed(tuple(argv), 0, "", "")
        if argv[0] == "ip":
            self.ran.append(" ".join(argv))
            name, setting, value = argv[4:7]
            if setting == "promisc":
                setting, value = "flags", "0x1103" if value == "on" else "0x1003"
            self.put(f"sys/class/net/{name}/{setting}", f"{value}\n")
            return Completed(tuple(argv), 0, "", "")
        done = super().run(argv)
        driver = argv[-1]
        if done.returncode == 0 and argv[0] in ("modprobe", "rmmod") and driver in self.nics.values():
            self.swap(driver, out=argv[0] == "rmmod")
        if done.returncode == 0 and list(argv) == ["rmmod", "netmap"]:
            shutil.rmtree(self.root / "sys/module/netmap")
        return done

    def swap(self, driver: str, out: bool) -> None:
        module = self.root / "sys/module" / driver
        for name in (name for name, its in self.nics.items() if its == driver):
            shutil.rmtree(self.root / "sys/class/net" / name, ignore_errors=True)
        shutil.rmtree(module, ignore_errors=True)
        patched = self.updates / f"{driver}.ko"
        if self.holders(driver).exists():
            self.holders(driver).rmdir()
        if out:
            return
        content = patched.read_bytes() if patched.exists() else b"stock"
        self.put(f"sys/module/{driver}/notes/.note.gnu.build-id", content)
        if patched.exists():
            self.holders(driver).mkdir(parents=True)
        for name, its in self.nics.items():
            if its == driver and content.decode() not in self.dead:
                self.appears(name)


@pytest.fixture
def bench(tmp_path: Path, package, monkeypatch: pytest.MonkeyPatch) -> Bench:
    """A sender with a patched e1000 on its disk, and the stock one loaded."""
    monkeypatch.setattr(rebind, "INTERFACE_SECONDS", 0)
    monkeypatch.setattr(rebind, "CARRIER_SECONDS", 0)
    bench = Bench(tmp_path / "root")
    bench.nic("ens4", "e1000", mtu=9000)
    bench.nic("ens3", "virtio_net")
    bench.addresses["ens3"] = "10.0.2.15"
    install(package(netmap=b"netmap one", e1000=b"patched one"), bench.run, root=str(bench.root))
    bench.ran.clear()
    return bench


def native(bench: Bench, check: bool = False, drivers: tuple[str, ...] = ("e1000",)) -> tuple[str, ...]:
    return go_native(Swap("ens4", drivers, {}), {"buf_num": "16384"}, bench.run, check, str(bench.root))


def removed(bench: Bench, consent: bool = True, check: bool = False) -> tuple[str, ...]:
    return remove("ens4", {}, consent, bench.run, check, str(bench.root))


def test_netmap_is_loaded_before_the_patched_driver_and_a_second_call_changes_nothing(bench):
    steps = native(bench)
    assert steps[:3] == ("rmmod e1000", "modprobe netmap buf_num=16384", "modprobe e1000")
    assert bench.holders("e1000").exists()
    assert native(bench) == ()


def test_the_mtu_of_the_interface_is_restored(bench):
    native(bench)
    assert [words for words in bench.ran if "mtu 9000" in words]


def test_check_mode_predicts_the_steps_and_changes_nothing(bench):
    assert native(bench, check=True) == ("rmmod e1000", "modprobe netmap buf_num=16384", "modprobe e1000")
    assert bench.ran == []


def test_another_build_replaces_a_patched_driver(bench, package):
    native(bench)
    install(package(netmap=b"netmap two", e1000=b"patched two"), bench.run, root=str(bench.root))
    predicted = native(bench, check=True)
    assert predicted == ("rmmod e1000", "modprobe -r netmap", "modprobe netmap buf_num=16384", "modprobe e1000")
    assert native(bench)[:4] == predicted
    assert native(bench) == ()


def test_a_nic_of_another_driver_keeps_it(bench):
    assert native(bench, drivers=("ixgbe",)) == ("modprobe netmap buf_num=16384",)


@pytest.mark.parametrize("name", ["ens9", ""])
def test_a_missing_interface_is_named(bench, name):
    with pytest.raises(HostError, match=rf"interface '{name}': does not exist.*modprobe e1000"):
        go_native(Swap(name, ("e1000",), {}), {}, bench.run, root=str(bench.root))


def _default_route(bench: Bench) -> None:
    bench.routes.append({"dst": "default", "gateway": "10.0.2.2", "dev": "ens5"})


def _address(bench: Bench) -> None:
    bench.addresses["ens5"] = "192.0.2.1"


def _bond(bench: Bench) -> None:
    (bench.root / "sys/class/net/ens5/upper_bond0").symlink_to("../bond0")


@pytest.mark.parametrize(
    ("use", "message"),
    [
        (_default_route, "carries the default route"),
        (_address, r"has the address 192\.0\.2\.1"),
        (_bond, "is in use by bond0"),
    ],
)
@pytest.mark.parametrize("driver", ["e1000", "ixgbe"])
def test_nothing_is_changed_when_another_interface_in_use_would_disappear(bench, use, message, driver):
    bench.nic("ens5", driver)
    use(bench)
    with pytest.raises(InputError, match=f"interface 'ens5': {message}.* netmap_rebind_ok consents for ens4 only"):
        native(bench, drivers=("e1000", "ixgbe"))
    assert bench.ran == []


def test_the_interface_of_this_ssh_session_is_refused_even_as_the_sending_one(bench):
    bench.addresses["ens4"] = "192.0.2.9"
    swap = Swap("ens4", ("e1000",), {"SSH_CONNECTION": "192.0.2.8 1 192.0.2.9 22"})
    with pytest.raises(InputError, match="'ens4': carries the SSH session"):
        go_native(swap, {}, bench.run, root=str(bench.root))
    assert bench.ran == []


def test_an_idle_interface_of_the_same_driver_is_restored_as_well(bench):
    bench.nic("ens5", "e1000", mtu=4000)
    native(bench)
    assert [words for words in bench.ran if "ens5" in words and "mtu 4000" in words]


def test_a_process_that_has_netmap_open_is_named_and_nothing_is_changed(bench):
    (bench.root / "proc/77/fd").mkdir(parents=True)
    (bench.root / "proc/77/fd/3").symlink_to("/dev/netmap")
    bench.put("proc/77/comm", "tcpreplay\n")
    for change in (native, removed):
        with pytest.raises(HostError, match=r"netmap: is in use by tcpreplay \(77\)"):
            change(bench)
    assert bench.ran == []


def test_a_patched_driver_that_does_not_load_is_replaced_by_the_stock_one_for_good(bench):
    def refused_at_first(argv, run=bench.run):
        if list(argv) == ["modprobe", "e1000"] and (bench.updates / "e1000.ko").exists():
            return Completed(tuple(argv), 1, "", "modprobe: ERROR: could not insert 'e1000': Unknown symbol")
        return run(argv)

    with pytest.raises(HostError, match=r"'e1000': could not replace.*Unknown symbol.*the stock driver is restored"):
        go_native(Swap("ens4", ("e1000",), {}), {}, refused_at_first, root=str(bench.root))
    assert (bench.root / "sys/class/net/ens4").exists()
    assert not (bench.updates / "e1000.ko").exists()
    assert [words for words in bench.ran if words == f"depmod -a {KERNEL}"]


def test_a_patched_driver_without_its_interface_is_replaced_by_the_stock_one(bench):
    bench.dead.add("patched one")
    with pytest.raises(HostError, match=r"ens4: did not reappear within.*the stock driver is restored"):
        native(bench)
    assert (bench.root / "sys/class/net/ens4").exists()


def test_an_unknown_parameter_is_named_before_the_interface_disappears(bench):
    with pytest.raises(InputError, match="'bufnum': is not a parameter of the installed netmap"):
        go_native(Swap("ens4", ("e1000",), {}), {"bufnum": "1"}, bench.run, root=str(bench.root))
    assert bench.ran == []
    assert (bench.updates / "e1000.ko").exists()


def test_a_driver_in_use_is_kept(bench):
    bench.refuses["rmmod e1000"] = "rmmod: ERROR: Module e1000 is in use"
    with pytest.raises(HostError, match=r"Module e1000 is in use"):
        native(bench)
    assert (bench.updates / "e1000.ko").exists()


def test_removal_deletes_what_was_installed_and_a_second_call_changes_nothing(bench):
    native(bench)
    steps = removed(bench)
    assert "modprobe e1000" in steps
    assert steps[-1] == "rmmod netmap"
    assert not bench.updates.parent.exists()
    assert not (bench.root / "usr/local/include/net").exists()
    assert (bench.root / "usr/local/include").exists()
    assert not bench.holders("e1000").exists()
    assert installed_manifest(KERNEL, str(bench.root)) is None
    assert removed(bench) == ()
    assert removed(bench, check=True) == ()


def test_removal_restores_the_nic(bench):
    native(bench)
    bench.put("sys/class/net/ens4/flags", "0x1103\n")
    assert "ip link set dev ens4 promisc off" in removed(bench)


def test_removal_first_prevents_another_build(bench):
    native(bench)
    bench.put("etc/systemd/system/linerate-netmap.service", "")
    steps = removed(bench)
    assert steps[0] == "remove /etc/systemd/system/linerate-netmap.service"
    assert not (bench.root / "etc/systemd/system/linerate-netmap.service").exists()


def test_removal_is_predicted_by_check_mode(bench):
    native(bench)
    bench.ran.clear()
    predicted = removed(bench, check=True)
    assert bench.ran == []
    assert [step for step in removed(bench) if not step.startswith(("ip", "ethtool"))] == list(predicted)


def test_removal_needs_consent_when_an_interface_disappears(bench):
    native(bench)
    bench.ran.clear()
    with pytest.raises(
        InputError, match=r"netmap_rebind_ok: is not set, and ens4 would disappear briefly while e1000 is replaced"
    ):
        removed(bench, consent=False)
    assert bench.ran == []


def test_removal_is_refused_when_another_interface_in_use_would_disappear(bench):
    native(bench)
    bench.nics["ens5"] = "e1000"
    bench.appears("ens5")
    _address(bench)
    with pytest.raises(InputError, match=r"'ens5': has the address 192\.0\.2\.1"):
        removed(bench)
    assert bench.holders("e1000").exists()


def test_an_interrupted_removal_is_resumed(bench):
    native(bench)
    bench.refuses["rmmod e1000"] = "busy"
    with pytest.raises(HostError, match="busy"):
        removed(bench)
    bench.refuses = {}
    assert "modprobe e1000" in removed(bench)
    assert not bench.holders("e1000").exists()


def test_a_removal_that_was_interrupted_without_a_driver_restores_the_interface(bench):
    native(bench)
    bench.refuses["modprobe e1000"] = "killed"
    with pytest.raises(HostError, match="killed"):
        removed(bench)
    assert not (bench.root / "sys/class/net/ens4").exists()
    bench.refuses = {}
    predicted = removed(bench, check=True)
    # Without consent: no interface disappears.
    steps = removed(bench, consent=False)
    assert "modprobe e1000" in predicted
    assert "modprobe e1000" in steps
    assert "rmmod e1000" not in steps
    assert (bench.root / "sys/class/net/ens4").exists()
    assert installed_manifest(KERNEL, str(bench.root)) is None
    assert removed(bench) == ()


def test_removal_without_patched_drivers_needs_no_consent(bench):
    go_native(Swap("ens4", (), {}), {}, bench.run, root=str(bench.root))
    assert removed(bench, consent=False)[-1] == "rmmod netmap"
