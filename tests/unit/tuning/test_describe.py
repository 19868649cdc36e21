"""The tuning that a run records, and the part of it that distinguishes environments."""

from __future__ import annotations

import pytest
from tests.unit.tuning.conftest import FIXTURES

from linerate.report.tuning import tuning_line, tuning_texts
from linerate.results.run import Tuning
from linerate.trial.environment import fingerprint
from linerate.tuning.aspect import TuningOptions
from linerate.tuning.describe import read_tuning
from linerate.tuning.tune import tune

OPTIONS = TuningOptions("ens4", core=3, offloads={"gso": False})


@pytest.fixture
def described(machine, host):
    """A function that describes the current tuning of the host."""
    return lambda cpu=None: read_tuning("ens4", cpu, machine.run, str(machine.root))


def test_settings_before_and_after_tuning(described, host):
    plain = described()
    assert plain == {
        "rings": {"rx": 256, "tx": 256},
        "flow_control": {"autoneg": True, "rx": True, "tx": True},
        "irq_affinity": ["0-3"] * 4,
        "irqbalance": False,
        "isolated_cpus": "",
        "cpu": None,
        "before": None,
    }
    tune(OPTIONS, host, consent=True)
    assert described(cpu=3) == {
        "rings": {"rx": 4096, "tx": 4096},
        "flow_control": {"autoneg": True, "rx": False, "tx": False},
        "irq_affinity": ["0-2"] * 4,
        "irqbalance": False,
        "isolated_cpus": "3",
        "cpu": 3,
        "before": {
            "governor": dict.fromkeys(("cpu0", "cpu1", "cpu2", "cpu3"), "powersave"),
            "rings": {"rx": "256", "tx": "256"},
            "flow_control": {"rx": "on", "tx": "on"},
            "offloads": {"gso": "on"},
            "irq_affinity": dict.fromkeys(("44", "45", "46", "47"), "0-3"),
            "isolation": {"cpus": ""},
        },
    }


def test_recreated_interface_is_not_described_as_tuned(described, host, machine):
    tune(TuningOptions("ens4", governor="leave", irq_affinity="leave", offloads={"gso": False}), host, consent=True)
    assert set(described()["before"]) == {"rings", "flow_control", "offloads"}
    machine.rings = {"RX": 256, "TX": 256}
    machine.pause.update(RX="on", TX="on")
    machine.features = (FIXTURES / "e1000-k.txt").read_text()
    assert described()["before"] is None
    tune(TuningOptions("ens4", governor="leave", irq_affinity="leave", offloads={"gso": False}), host, consent=True)
    assert described()["before"]["offloads"] == {"gso": "on"}


def test_tuning_as_text(described, host):
    assert tuning_line(Tuning.from_json(described())) is None
    tune(OPTIONS, host, consent=True)
    assert tuning_line(Tuning.from_json(described(cpu=3))) == (
        "Rings: rx 4,096, tx 4,096; Flow control: autoneg on, rx off, tx off; Interrupts of the NIC: CPUs 0-2; "
        "CPU of the sending program: 3, isolated; "
        "Tuned: governor, rings, flow_control, offloads, irq_affinity, isolation"
    )
    assert tuning_texts(Tuning.from_json(described(cpu=2)))["CPU of the sending program"] == "2, not isolated"


def environment(**tuning):
    return {"kernel": "6.1", "nic": {"mtu": 1500}, "tuning": {"irqbalance": False, "before": None, **tuning}}


def test_fingerprint_depends_on_current_settings_only():
    plain = fingerprint(environment(cpu=None))
    assert fingerprint(environment(cpu=None, before={"governor": {"cpu0": "powersave"}})) == plain
    assert fingerprint(environment(cpu=3)) != plain


def test_fingerprint_ignores_interrupts_moved_by_irqbalance():
    fixed = [fingerprint(environment(irq_affinity=[cpu])) for cpu in "01"]
    moved = [fingerprint(environment(irq_affinity=[cpu], irqbalance=True)) for cpu in "01"]
    assert fixed[0] != fixed[1]
    assert moved[0] == moved[1]
