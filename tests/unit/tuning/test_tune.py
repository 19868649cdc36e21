"""A host is set, says what it has not, is not touched without consent, and is set back."""

from __future__ import annotations

import json
import stat

import pytest

from linerate.errors import HostError, InputError
from linerate.system.lock import sole_sender
from linerate.system.run import Completed
from linerate.tuning.aspect import Wishes
from linerate.tuning.pin import PARTITION
from linerate.tuning.state import PLACE
from linerate.tuning.tune import Host, notes, report, shown, tune, undo

BEST = Wishes("ens4", core=3, offloads={"gso": False})


def unavailable(tuned):
    return {one.aspect: one.unavailable for one in tuned if one.unavailable}


def test_all_of_it_is_set_and_a_second_time_changes_nothing(machine, host):
    foretold = tune(BEST, host, consent=True, check=True)
    assert (machine.asked, machine.governors(), (machine.root / PLACE).exists()) == ([], {"powersave"}, False)
    done = tune(BEST, host, consent=True)
    assert [one.steps for one in done] == [one.steps for one in foretold]
    assert unavailable(done) == {}
    assert machine.governors() == {"performance"}
    assert machine.rings == {"RX": 4096, "TX": 4096}
    assert machine.pause == {"Autonegotiate": "on", "RX": "off", "TX": "off"}
    assert "generic-segmentation-offload: off" in machine.features
    assert machine.affinities() == ["0-2"] * 4
    assert machine.text(f"{PARTITION}/cpuset.cpus") == "3"
    assert machine.asked == [
        "ethtool -G ens4 rx 4096 tx 4096",
        "ethtool -A ens4 rx off tx off",
        "ethtool -K ens4 gso off",
        "systemctl daemon-reload",
        "systemctl start linerate.slice",
    ]
    again = tune(BEST, host, consent=True)
    assert [one.steps for one in again] == [[]] * 6
    assert len(machine.asked) == 5
    assert set(report(again, consent=True)) == {f"{one.aspect}: as wished for" for one in again}


def test_it_is_set_back_to_what_was_found_first_and_a_second_time_changes_nothing(machine, host):
    features = machine.features
    tune(BEST, host, consent=True)
    tune(Wishes("ens4", core=2, rings="512", irq_affinity="1", offloads={"gro": False}), host, consent=True)
    assert (machine.rings, machine.affinities()) == ({"RX": 512, "TX": 512}, ["1"] * 4)
    assert machine.text(f"{PARTITION}/cpuset.cpus") == "2"
    foretold = undo("ens4", host, check=True)
    assert machine.governors() == {"performance"}
    assert undo("ens4", host) == foretold
    assert machine.governors() == {"powersave"}
    assert machine.rings == {"RX": 256, "TX": 256}
    assert machine.pause == {"Autonegotiate": "on", "RX": "on", "TX": "on"}
    assert machine.features == features
    assert machine.affinities() == ["0-3"] * 4
    assert not (machine.root / PARTITION).exists()
    assert not (machine.root / "run/systemd/system/linerate.slice").exists()
    assert undo("ens4", host) == ()


def test_another_core_gets_what_it_would_have_got_at_once(machine, host):
    tune(Wishes("ens4", core=3), host, consent=True)
    tune(Wishes("ens4", core=0), host, consent=True)
    assert machine.affinities() == ["1-3"] * 4
    assert machine.text(f"{PARTITION}/cpuset.cpus") == "0"


def test_what_was_found_and_given_is_stored_for_root_alone(machine, host):
    tune(BEST, host, consent=True)
    place = machine.root / PLACE
    assert stat.S_IMODE(place.stat().st_mode) == 0o600
    stored = json.loads(place.read_text())
    assert stored["before"]["rings"] == {"rx": "256", "tx": "256"}
    assert stored["after"]["rings"] == {"rx": "4096", "tx": "4096"}
    assert stored["before"]["governor"] == dict.fromkeys(("cpu0", "cpu1", "cpu2", "cpu3"), "powersave")
    assert stored["before"]["isolation"] == {"cpus": ""}
    place.write_text("{")
    with pytest.raises(HostError, match=r"tuning\.json.*cannot be read"):
        tune(BEST, host, consent=True)


def test_without_consent_nothing_is_changed_and_what_would_be_is_said(machine, host):
    lines = report(tune(BEST, host, consent=False), consent=False)
    assert "rings: would ethtool -G ens4 rx 4096 tx 4096" in lines
    assert (machine.asked, machine.governors(), machine.affinities()) == ([], {"powersave"}, ["0-3"] * 4)
    assert not (machine.root / PLACE).exists()


def test_only_what_differs_is_shown(host):
    before, after = shown(tune(Wishes("ens4", governor="leave", irq_affinity="leave"), host, consent=True))
    assert before == "rings rx: 256\nrings tx: 256\nflow_control rx: on\nflow_control tx: on\n"
    assert after == "rings rx: 4096\nrings tx: 4096\nflow_control rx: off\nflow_control tx: off\n"


def test_what_is_to_be_left_is_not_looked_at(machine, host):
    leave = Wishes("ens4", governor="leave", flow_control="leave", rings="leave", irq_affinity="leave")
    assert tune(leave, host, consent=True) == []
    assert undo("ens4", host) == ()


def bare(machine) -> None:
    """As a virtual interface in a guest."""
    for path in machine.root.glob("sys/devices/system/cpu/cpu*/cpufreq/*"):
        path.unlink()
    (machine.root / "sys/class/net/ens4/device").unlink()
    (machine.root / "sys/fs/cgroup/cgroup.controllers").unlink()
    machine.pause = {}
    nothing = machine.run

    def run(argv):
        done = nothing(argv)
        return type(done)(done.argv, 75, "", "netlink error") if argv[:2] == ["ethtool", "-g"] else done

    machine.run = run


def test_what_the_host_has_not_is_named_and_fails_nothing(machine):
    bare(machine)
    host = Host(machine.run, {}, str(machine.root))
    done = tune(Wishes("ens4", core=3), host, consent=True)
    assert unavailable(done) == {
        "governor": "the kernel offers no cpufreq",
        "rings": "the driver of ens4 has no rings to set",
        "flow_control": "the driver of ens4 has no flow control to set",
        "irq_affinity": "ens4 has no interrupts of its own",
        "isolation": "there is no cgroup v2 with cpuset at /sys/fs/cgroup",
    }
    assert machine.asked == []


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        (
            {"governor": "ondemand"},
            r"sender_tuning_governor 'ondemand': cannot be had here: the kernel offers no cpufreq",
        ),
        ({"rings": "1024"}, r"sender_tuning_rings '1024': cannot be had here: the driver of ens4 has no rings"),
        ({"flow_control": "on"}, r"sender_tuning_flow_control 'on': cannot be had here"),
        ({"irq_affinity": "0-1"}, r"sender_tuning_irq_affinity '0-1': cannot be had here: ens4 has no interrupts"),
        ({"offloads": {"warp": True}}, r"sender_tuning_offloads .*ens4 has no offload warp that can be changed"),
    ],
)
def test_what_the_host_has_not_is_one_error_where_it_was_asked_for_and_nothing_is_changed(machine, asked, message):
    bare(machine)
    host = Host(machine.run, {}, str(machine.root))
    with pytest.raises(InputError, match=message):
        tune(Wishes("ens4", **{"offloads": {"gso": False}, **asked}), host, consent=True)
    assert (machine.asked, (machine.root / PLACE).exists()) == ([], False)


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"governor": "ondemand"}, "cpu0 offers performance, powersave"),
        ({"rings": "8192"}, "the rx ring holds at most 4096"),
        ({"irq_affinity": "2-9"}, "the CPUs that run are 0-3"),
        ({"core": 4}, r"sender_tuning_core 4: is not a CPU of this host that runs \(0-3\)"),
        ({"offloads": {"highdma": False}}, "has no offload highdma that can be changed"),
    ],
)
def test_a_value_that_the_host_cannot_have_names_what_it_can(machine, host, asked, message):
    with pytest.raises(InputError, match=message):
        tune(Wishes("ens4", **asked), host, consent=True)
    assert machine.asked == []


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"flow_control": "maybe"}, "sender_tuning_flow_control 'maybe': must be on, off or leave"),
        ({"rings": "0"}, "sender_tuning_rings '0': must be max, leave or a number"),
        ({"rings": "-5"}, "sender_tuning_rings '-5'"),
        ({"irq_affinity": "all"}, "sender_tuning_irq_affinity 'all': must be away, leave or CPUs"),
        ({"irq_affinity": ""}, "sender_tuning_irq_affinity ''"),
        ({"offloads": {"gso": "never"}}, "sender_tuning_offloads 'gso: never': must be true or false"),
    ],
)
def test_a_value_that_means_nothing_is_refused(asked, message):
    with pytest.raises(InputError, match=message):
        Wishes("ens4", **asked)


def test_the_interface_of_the_default_route_is_never_touched(machine, host):
    machine.put("proc/net/route", "Iface\nens4 00000000 01010101 0003 0 0 0 00000000 0 0 0")
    with pytest.raises(InputError, match="carries the default route"):
        tune(BEST, host, consent=True)
    assert notes(BEST, host)[0].startswith("interface 'ens4': carries the default route")
    assert (machine.asked, machine.governors()) == ([], {"powersave"})


def test_an_interface_that_carries_it_by_now_is_not_set_back(machine, host):
    tune(BEST, host, consent=True)
    machine.put("proc/net/route", "Iface\nens4 00000000 01010101 0003 0 0 0 00000000 0 0 0")
    with pytest.raises(InputError, match="carries the default route"):
        undo("ens4", host)
    assert machine.governors() == {"performance"}


def test_a_host_is_tuned_for_one_interface_at_a_time(machine, host):
    tune(BEST, host, consent=True)
    with pytest.raises(InputError, match="interface 'ens5': cannot be tuned for: this host is tuned for ens4"):
        tune(Wishes("ens5"), host, consent=True)


def test_what_went_with_an_interface_that_is_gone_is_forgotten_but_not_the_governor(machine, host):
    tune(BEST, host, consent=True)
    machine.rings = {"RX": 256, "TX": 256}
    (machine.root / "sys/class/net/ens4").rename(machine.root / "sys/class/net/ens5")
    answer = machine.run
    other = Host(lambda argv: answer([word.replace("ens5", "ens4") for word in argv]), {}, str(machine.root))
    tune(Wishes("ens5", flow_control="leave", rings="leave", irq_affinity="leave"), other, consent=True)
    assert "ethtool" not in " ".join(undo("ens5", other))
    assert machine.governors() == {"powersave"}


def test_another_network_namespace_leaves_it_alone(machine, host):
    tune(BEST, host, consent=True)
    (machine.root / "sys/class/net/ens4").rename(machine.root / "gone")
    assert undo("lrr0", host) == ()
    assert machine.governors() == {"performance"}


def test_what_went_with_the_interface_needs_no_setting_back(machine, host):
    tune(Wishes("ens4", rings="leave", offloads={"gso": False}), host, consent=True)
    (machine.root / "sys/class/net/ens4").rename(machine.root / "gone")
    steps = undo("ens4", host)
    assert machine.governors() == {"powersave"}
    assert not any("ethtool" in step for step in steps)
    assert not (machine.root / PLACE).exists()


def test_what_the_driver_refuses_is_not_available_and_the_rest_is_set(machine, host):
    machine.refused = {"ethtool -G": "netlink error: Operation not supported"}
    done = tune(Wishes("ens4"), host, consent=True)
    assert "Operation not supported" in unavailable(done)["rings"]
    assert next(one.steps for one in done if one.aspect == "rings") == []
    assert machine.governors() == {"performance"}
    assert machine.pause["RX"] == "off"


def test_what_the_driver_refuses_is_an_error_where_it_was_asked_for(machine, host):
    machine.refused = {"ethtool -G": "netlink error: Operation not supported"}
    with pytest.raises(InputError, match=r"sender_tuning_rings '512'.*Operation not supported"):
        tune(Wishes("ens4", rings="512"), host, consent=True)


def test_what_the_driver_takes_otherwise_is_said(machine, host, monkeypatch):
    monkeypatch.setattr(machine, "_obey", lambda argv: machine.rings.update(RX=512, TX=512))
    with pytest.raises(InputError, match=r"sender_tuning_rings '500'.*it was set, and the host has rx 512, tx 512"):
        tune(Wishes("ens4", governor="leave", flow_control="leave", rings="500"), host, consent=True)
    assert "ethtool -G ens4 rx 256 tx 256" in undo("ens4", host)


def test_a_partition_that_the_kernel_refuses_leaves_nothing_behind(machine, host, monkeypatch):
    obey = machine._obey

    def refuse(argv):
        obey(argv)
        if tuple(argv[:2]) == ("systemctl", "start"):
            state = machine.root / PARTITION / "cpuset.cpus.partition"
            state.unlink()
            # A write to it fails, as the kernel's own answers with EINVAL.
            state.symlink_to("/proc/version")

    monkeypatch.setattr(machine, "_obey", refuse)
    done = tune(Wishes("ens4", core=3), host, consent=True)
    assert "cpuset.cpus.partition': does not take 'isolated'" in unavailable(done)["isolation"]
    assert not (machine.root / PARTITION).exists()
    assert not (machine.root / "run/systemd/system/linerate.slice").exists()


def test_a_partition_that_lost_its_cpu_is_made_anew_and_taken_down(machine, host):
    tune(BEST, host, consent=True)
    machine.put(f"{PARTITION}/cpuset.cpus.partition", "isolated invalid (Cpu list in cpuset.cpus not exclusive)")
    assert next(one for one in tune(BEST, host, consent=True) if one.aspect == "isolation").steps
    assert machine.text(f"{PARTITION}/cpuset.cpus.partition") == "isolated"
    machine.put(f"{PARTITION}/cpuset.cpus.partition", "member")
    undo("ens4", host)
    assert not (machine.root / "run/systemd/system/linerate.slice").exists()


def test_a_core_that_the_kernel_was_booted_without_needs_no_partition(machine, host):
    machine.put("sys/devices/system/cpu/isolated", "2-3")
    done = tune(BEST, host, consent=True)
    assert next(one for one in done if one.aspect == "isolation").steps == []


def test_interrupts_need_a_core_to_be_moved_off(machine, host):
    assert unavailable(tune(Wishes("ens4"), host, consent=True)) == {
        "irq_affinity": "sender_tuning_core names no CPU to move them off"
    }


def test_interrupts_that_went_to_the_core_alone_go_to_all_others(machine, host):
    machine.put("proc/irq/45/smp_affinity_list", "3")
    tune(BEST, host, consent=True)
    assert machine.affinities() == ["0-2"] * 4


def test_a_legacy_interrupt_and_one_of_a_virtio_device_are_found(machine, host):
    device = machine.root / "sys/devices/pci0000:00/0000:00:04.0"
    child = device / "virtio1"
    child.mkdir()
    link = machine.root / "sys/class/net/ens4/device"
    link.unlink()
    link.symlink_to(child)
    tune(BEST, host, consent=True)
    assert machine.affinities() == ["0-2"] * 4
    undo("ens4", host)
    for path in device.glob("msi_irqs/*"):
        path.unlink()
    machine.put("sys/devices/pci0000:00/0000:00:04.0/irq", "44")
    tune(BEST, host, consent=True)
    assert machine.affinities() == ["0-2", "0-3", "0-3", "0-3"]


def test_irqbalance_is_noticed(machine, host):
    assert notes(BEST, host) == []
    machine.put("proc/812/comm", "irqbalance")
    assert notes(BEST, host) == ["irqbalance runs, and may move the NIC's interrupts again."]


def test_a_group_of_offloads_is_set_as_its_members(machine, host):
    tune(Wishes("ens4", offloads={"tx-checksumming": False}), host, consent=True)
    assert "ethtool -K ens4 tx-checksum-ip-generic off" in machine.asked


def test_an_interface_with_an_address_of_something_else_is_refused(machine, host):
    answer = machine.run
    found = '[{"ifname": "ens4", "addr_info": [{"local": "%s", "scope": "global"}]}]'

    def run(argv):
        return Completed(tuple(argv), 0, found % "192.0.2.7", "") if argv[:2] == ["ip", "-json"] else answer(argv)

    other = Host(run, {}, str(machine.root))
    with pytest.raises(InputError, match=r"interface 'ens4': has the address 192\.0\.2\.7, so it is in use"):
        tune(BEST, other, consent=True)
    assert machine.asked == []
    tune(BEST, Host(run, {}, str(machine.root), benchmark=lambda address: str(address) == "192.0.2.7"), consent=True)
    assert undo("ens4", other)


def test_an_interface_that_another_sends_on_is_left(machine, host):
    (machine.root / "run/linerate").mkdir()
    with sole_sender("ens4", "a trial", str(machine.root)):
        with pytest.raises(HostError, match="ens4"):
            tune(BEST, host, consent=True)
        assert machine.asked == []
    tune(BEST, host, consent=True)
    with sole_sender("ens4", "a trial", str(machine.root)), pytest.raises(HostError, match="ens4"):
        undo("ens4", host)
    assert machine.governors() == {"performance"}
