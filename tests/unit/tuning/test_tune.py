"""A host is tuned with consent only, reports what it does not support, and is restored."""

from __future__ import annotations

import json
import stat

import pytest

from linerate.errors import HostError, InputError
from linerate.system.lock import sole_sender
from linerate.system.run import Completed
from linerate.tuning.aspect import TuningOptions
from linerate.tuning.pin import PARTITION
from linerate.tuning.state import PLACE
from linerate.tuning.tune import Host, diff, status_lines, tune, undo, warnings

OPTIONS = TuningOptions("ens4", core=3, offloads={"gso": False})


def unavailable(tuned):
    return {one.aspect: one.unavailable for one in tuned if one.unavailable}


def test_tuning_is_idempotent(machine, host):
    predicted = tune(OPTIONS, host, consent=True, check=True)
    assert (machine.changes, machine.governors(), (machine.root / PLACE).exists()) == ([], {"powersave"}, False)
    done = tune(OPTIONS, host, consent=True)
    assert [one.steps for one in done] == [one.steps for one in predicted]
    assert unavailable(done) == {}
    assert machine.governors() == {"performance"}
    assert machine.rings == {"RX": 4096, "TX": 4096}
    assert machine.pause == {"Autonegotiate": "on", "RX": "off", "TX": "off"}
    assert "generic-segmentation-offload: off" in machine.features
    assert machine.affinities() == ["0-2"] * 4
    assert machine.text(f"{PARTITION}/cpuset.cpus") == "3"
    assert machine.changes == [
        "ethtool -G ens4 rx 4096 tx 4096",
        "ethtool -A ens4 rx off tx off",
        "ethtool -K ens4 gso off",
        "systemctl daemon-reload",
        "systemctl start linerate.slice",
    ]
    again = tune(OPTIONS, host, consent=True)
    assert [one.steps for one in again] == [[]] * 6
    assert len(machine.changes) == 5
    assert set(status_lines(again, consent=True)) == {f"{one.aspect}: already set" for one in again}


def test_undo_restores_the_original_settings_and_is_idempotent(machine, host):
    features = machine.features
    tune(OPTIONS, host, consent=True)
    tune(TuningOptions("ens4", core=2, rings="512", irq_affinity="1", offloads={"gro": False}), host, consent=True)
    assert (machine.rings, machine.affinities()) == ({"RX": 512, "TX": 512}, ["1"] * 4)
    assert machine.text(f"{PARTITION}/cpuset.cpus") == "2"
    predicted = undo("ens4", host, check=True)
    assert machine.governors() == {"performance"}
    assert undo("ens4", host) == predicted
    assert machine.governors() == {"powersave"}
    assert machine.rings == {"RX": 256, "TX": 256}
    assert machine.pause == {"Autonegotiate": "on", "RX": "on", "TX": "on"}
    assert machine.features == features
    assert machine.affinities() == ["0-3"] * 4
    assert not (machine.root / PARTITION).exists()
    assert not (machine.root / "run/systemd/system/linerate.slice").exists()
    assert undo("ens4", host) == ()


def test_result_does_not_depend_on_earlier_tuning(machine, host):
    tune(TuningOptions("ens4", core=3), host, consent=True)
    tune(TuningOptions("ens4", core=0), host, consent=True)
    assert machine.affinities() == ["1-3"] * 4
    assert machine.text(f"{PARTITION}/cpuset.cpus") == "0"


def test_stored_settings_are_readable_by_root_only(machine, host):
    tune(OPTIONS, host, consent=True)
    place = machine.root / PLACE
    assert stat.S_IMODE(place.stat().st_mode) == 0o600
    stored = json.loads(place.read_text())
    assert stored["before"]["rings"] == {"rx": "256", "tx": "256"}
    assert stored["after"]["rings"] == {"rx": "4096", "tx": "4096"}
    assert stored["before"]["governor"] == dict.fromkeys(("cpu0", "cpu1", "cpu2", "cpu3"), "powersave")
    assert stored["before"]["isolation"] == {"cpus": ""}
    place.write_text("{")
    with pytest.raises(HostError, match=r"tuning\.json.*cannot be read"):
        tune(OPTIONS, host, consent=True)


def test_without_consent_changes_are_only_reported(machine, host):
    lines = status_lines(tune(OPTIONS, host, consent=False), consent=False)
    assert "rings: would apply: ethtool -G ens4 rx 4096 tx 4096" in lines
    assert (machine.changes, machine.governors(), machine.affinities()) == ([], {"powersave"}, ["0-3"] * 4)
    assert not (machine.root / PLACE).exists()


def test_diff_shows_only_differences(host):
    before, after = diff(tune(TuningOptions("ens4", governor="leave", irq_affinity="leave"), host, consent=True))
    assert before == "rings rx: 256\nrings tx: 256\nflow_control rx: on\nflow_control tx: on\n"
    assert after == "rings rx: 4096\nrings tx: 4096\nflow_control rx: off\nflow_control tx: off\n"


def test_leave_changes_nothing(machine, host):
    leave = TuningOptions("ens4", governor="leave", flow_control="leave", rings="leave", irq_affinity="leave")
    assert tune(leave, host, consent=True) == []
    assert undo("ens4", host) == ()


def make_bare(machine) -> None:
    """Remove everything that a virtual interface in a guest does not have."""
    for path in machine.root.glob("sys/devices/system/cpu/cpu*/cpufreq/*"):
        path.unlink()
    (machine.root / "sys/class/net/ens4/device").unlink()
    (machine.root / "sys/fs/cgroup/cgroup.controllers").unlink()
    machine.pause = {}
    answer = machine.run

    def run(argv):
        done = answer(argv)
        return type(done)(done.argv, 75, "", "netlink error") if argv[:2] == ["ethtool", "-g"] else done

    machine.run = run


def test_unsupported_defaults_are_reported_without_error(machine):
    make_bare(machine)
    host = Host(machine.run, {}, str(machine.root))
    done = tune(TuningOptions("ens4", core=3), host, consent=True)
    assert unavailable(done) == {
        "governor": "the kernel has no cpufreq",
        "rings": "the driver of ens4 has no configurable rings",
        "flow_control": "the driver of ens4 has no configurable flow control",
        "irq_affinity": "ens4 has no interrupts of its own",
        "isolation": "/sys/fs/cgroup is not cgroup v2 with cpuset",
    }
    assert machine.changes == []


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"governor": "ondemand"},
            r"sender_tuning_governor 'ondemand': is not available on this host: the kernel has no cpufreq",
        ),
        (
            {"rings": "1024"},
            r"sender_tuning_rings '1024': is not available on this host: the driver of ens4 has no configurable rings",
        ),
        ({"flow_control": "on"}, r"sender_tuning_flow_control 'on': is not available on this host"),
        (
            {"irq_affinity": "0-1"},
            r"sender_tuning_irq_affinity '0-1': is not available on this host: ens4 has no interrupts",
        ),
        ({"offloads": {"warp": True}}, r"sender_tuning_offloads .*ens4 has no offload warp that can be changed"),
    ],
)
def test_unsupported_value_is_refused_before_any_change(machine, options, message):
    make_bare(machine)
    host = Host(machine.run, {}, str(machine.root))
    with pytest.raises(InputError, match=message):
        tune(TuningOptions("ens4", **{"offloads": {"gso": False}, **options}), host, consent=True)
    assert (machine.changes, (machine.root / PLACE).exists()) == ([], False)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"governor": "ondemand"}, "cpu0 supports performance, powersave"),
        ({"rings": "8192"}, "the rx ring has at most 4096 descriptors"),
        ({"irq_affinity": "2-9"}, "the online CPUs are 0-3"),
        ({"core": 4}, r"sender_tuning_core 4: is not among the online CPUs of this host \(0-3\)"),
        ({"offloads": {"highdma": False}}, "has no offload highdma that can be changed"),
    ],
)
def test_unsupported_value_is_refused_with_the_supported_ones(machine, host, options, message):
    with pytest.raises(InputError, match=message):
        tune(TuningOptions("ens4", **options), host, consent=True)
    assert machine.changes == []


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"flow_control": "maybe"}, "sender_tuning_flow_control 'maybe': must be on, off or leave"),
        ({"rings": "0"}, "sender_tuning_rings '0': must be max, leave or a number"),
        ({"rings": "-5"}, "sender_tuning_rings '-5'"),
        ({"irq_affinity": "all"}, "sender_tuning_irq_affinity 'all': must be away, leave or CPUs"),
        ({"irq_affinity": ""}, "sender_tuning_irq_affinity ''"),
        ({"offloads": {"gso": "never"}}, "sender_tuning_offloads 'gso: never': must be true or false"),
    ],
)
def test_invalid_value_is_refused(options, message):
    with pytest.raises(InputError, match=message):
        TuningOptions("ens4", **options)


def test_interface_with_the_default_route_is_refused(machine, host):
    machine.routes.append({"dst": "default", "gateway": "10.1.1.1", "dev": "ens4"})
    with pytest.raises(InputError, match="carries the default route"):
        tune(OPTIONS, host, consent=True)
    assert warnings(OPTIONS, host)[0].startswith("interface 'ens4': carries the default route")
    assert (machine.changes, machine.governors()) == ([], {"powersave"})


def test_interface_that_now_has_the_default_route_is_not_restored(machine, host):
    tune(OPTIONS, host, consent=True)
    machine.routes.append({"dst": "default", "gateway": "10.1.1.1", "dev": "ens4"})
    with pytest.raises(InputError, match="carries the default route"):
        undo("ens4", host)
    assert machine.governors() == {"performance"}


def test_second_interface_is_refused(machine, host):
    tune(OPTIONS, host, consent=True)
    with pytest.raises(InputError, match="interface 'ens5': is not the interface that this host is tuned for, ens4"):
        tune(TuningOptions("ens5"), host, consent=True)


def test_removed_interface_is_replaced_and_cpu_settings_are_kept(machine, host):
    tune(OPTIONS, host, consent=True)
    machine.rings = {"RX": 256, "TX": 256}
    (machine.root / "sys/class/net/ens4").rename(machine.root / "sys/class/net/ens5")
    answer = machine.run
    other = Host(lambda argv: answer([word.replace("ens5", "ens4") for word in argv]), {}, str(machine.root))
    tune(TuningOptions("ens5", flow_control="leave", rings="leave", irq_affinity="leave"), other, consent=True)
    assert "ethtool" not in " ".join(undo("ens5", other))
    assert machine.governors() == {"powersave"}


def test_undo_in_another_network_namespace_changes_nothing(machine, host):
    tune(OPTIONS, host, consent=True)
    (machine.root / "sys/class/net/ens4").rename(machine.root / "gone")
    assert undo("lrr0", host) == ()
    assert machine.governors() == {"performance"}


def test_settings_of_a_removed_interface_need_no_restoration(machine, host):
    tune(TuningOptions("ens4", rings="leave", offloads={"gso": False}), host, consent=True)
    (machine.root / "sys/class/net/ens4").rename(machine.root / "gone")
    steps = undo("ens4", host)
    assert machine.governors() == {"powersave"}
    assert not any("ethtool" in step for step in steps)
    assert not (machine.root / PLACE).exists()


def test_setting_rejected_by_the_driver_is_reported_as_unavailable(machine, host):
    machine.failing = {"ethtool -G": "netlink error: Operation not supported"}
    done = tune(TuningOptions("ens4"), host, consent=True)
    assert "Operation not supported" in unavailable(done)["rings"]
    assert next(one.steps for one in done if one.aspect == "rings") == []
    assert machine.governors() == {"performance"}
    assert machine.pause["RX"] == "off"


def test_rejected_setting_is_an_error_without_the_default_value(machine, host):
    machine.failing = {"ethtool -G": "netlink error: Operation not supported"}
    with pytest.raises(InputError, match=r"sender_tuning_rings '512'.*Operation not supported"):
        tune(TuningOptions("ens4", rings="512"), host, consent=True)


def test_setting_changed_by_the_driver_is_reported(machine, host, monkeypatch):
    monkeypatch.setattr(machine, "_execute", lambda argv: machine.rings.update(RX=512, TX=512))
    with pytest.raises(InputError, match=r"sender_tuning_rings '500'.*after the change the host has rx 512, tx 512"):
        tune(TuningOptions("ens4", governor="leave", flow_control="leave", rings="500"), host, consent=True)
    assert "ethtool -G ens4 rx 256 tx 256" in undo("ens4", host)


def test_partition_rejected_by_the_kernel_is_removed(machine, host, monkeypatch):
    execute = machine._execute

    def reject(argv):
        execute(argv)
        if tuple(argv[:2]) == ("systemctl", "start"):
            state = machine.root / PARTITION / "cpuset.cpus.partition"
            state.unlink()
            # A write to it fails, like that to the real file with EINVAL.
            state.symlink_to("/proc/version")

    monkeypatch.setattr(machine, "_execute", reject)
    done = tune(TuningOptions("ens4", core=3), host, consent=True)
    assert "cpuset.cpus.partition': rejected 'isolated'" in unavailable(done)["isolation"]
    assert not (machine.root / PARTITION).exists()
    assert not (machine.root / "run/systemd/system/linerate.slice").exists()


def test_invalid_partition_is_recreated_and_removed(machine, host):
    tune(OPTIONS, host, consent=True)
    machine.put(f"{PARTITION}/cpuset.cpus.partition", "isolated invalid (Cpu list in cpuset.cpus not exclusive)")
    assert next(one for one in tune(OPTIONS, host, consent=True) if one.aspect == "isolation").steps
    assert machine.text(f"{PARTITION}/cpuset.cpus.partition") == "isolated"
    machine.put(f"{PARTITION}/cpuset.cpus.partition", "member")
    undo("ens4", host)
    assert not (machine.root / "run/systemd/system/linerate.slice").exists()


def test_cpu_isolated_at_boot_needs_no_partition(machine, host):
    machine.put("sys/devices/system/cpu/isolated", "2-3")
    done = tune(OPTIONS, host, consent=True)
    assert next(one for one in done if one.aspect == "isolation").steps == []


def test_interrupts_stay_without_a_configured_cpu(machine, host):
    assert unavailable(tune(TuningOptions("ens4"), host, consent=True)) == {
        "irq_affinity": "sender_tuning_core is not set, so there is no CPU to move them off"
    }


def test_interrupts_of_the_configured_cpu_move_to_all_others(machine, host):
    machine.put("proc/irq/45/smp_affinity_list", "3")
    tune(OPTIONS, host, consent=True)
    assert machine.affinities() == ["0-2"] * 4


def test_legacy_and_virtio_interrupts_are_found(machine, host):
    device = machine.root / "sys/devices/pci0000:00/0000:00:04.0"
    child = device / "virtio1"
    child.mkdir()
    link = machine.root / "sys/class/net/ens4/device"
    link.unlink()
    link.symlink_to(child)
    tune(OPTIONS, host, consent=True)
    assert machine.affinities() == ["0-2"] * 4
    undo("ens4", host)
    for path in device.glob("msi_irqs/*"):
        path.unlink()
    machine.put("sys/devices/pci0000:00/0000:00:04.0/irq", "44")
    tune(OPTIONS, host, consent=True)
    assert machine.affinities() == ["0-2", "0-3", "0-3", "0-3"]


def test_irqbalance_is_reported(machine, host):
    assert warnings(OPTIONS, host) == []
    machine.put("proc/812/comm", "irqbalance")
    assert warnings(OPTIONS, host) == ["irqbalance is running and may move the NIC's interrupts again."]


def test_group_of_offloads_is_set_by_its_members(machine, host):
    tune(TuningOptions("ens4", offloads={"tx-checksumming": False}), host, consent=True)
    assert "ethtool -K ens4 tx-checksum-ip-generic off" in machine.changes


def test_interface_with_a_foreign_address_is_refused(machine, host):
    answer = machine.run
    found = '[{"ifname": "ens4", "addr_info": [{"local": "%s", "scope": "global"}]}]'

    def run(argv):
        return Completed(tuple(argv), 0, found % "192.0.2.7", "") if argv[:2] == ["ip", "-json"] else answer(argv)

    other = Host(run, {}, str(machine.root))
    with pytest.raises(InputError, match=r"interface 'ens4': has the address 192\.0\.2\.7, so it is in use"):
        tune(OPTIONS, other, consent=True)
    assert machine.changes == []
    tune(OPTIONS, Host(run, {}, str(machine.root), benchmark=lambda address: str(address) == "192.0.2.7"), consent=True)
    assert undo("ens4", other)


def test_interface_of_a_running_trial_is_refused(machine, host):
    (machine.root / "run/linerate").mkdir()
    with sole_sender("ens4", "a trial", str(machine.root)):
        with pytest.raises(HostError, match="ens4"):
            tune(OPTIONS, host, consent=True)
        assert machine.changes == []
    tune(OPTIONS, host, consent=True)
    with sole_sender("ens4", "a trial", str(machine.root)), pytest.raises(HostError, match="ens4"):
        undo("ens4", host)
    assert machine.governors() == {"performance"}
