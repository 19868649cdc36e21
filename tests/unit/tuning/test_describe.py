"""What a run records of how its sender is set, and what of it tells two environments apart."""

from __future__ import annotations

import pytest
from tests.unit.tuning.conftest import FIXTURES

from linerate.report.tuning import tuning_line, tuning_texts
from linerate.results.run import Tuning
from linerate.trial.environment import fingerprint
from linerate.tuning.aspect import Wishes
from linerate.tuning.describe import read_tuning
from linerate.tuning.tune import tune

WISHES = Wishes("ens4", core=3, offloads={"gso": False})


@pytest.fixture
def described(machine, host):
    """A function that says how the host is set now."""
    return lambda cpu=None: read_tuning("ens4", cpu, machine.run, str(machine.root))


def test_before_and_after(described, host):
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
    tune(WISHES, host, consent=True)
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


def test_an_interface_that_was_made_anew_is_not_said_to_be_tuned(described, host, machine):
    tune(Wishes("ens4", governor="leave", irq_affinity="leave", offloads={"gso": False}), host, consent=True)
    assert set(described()["before"]) == {"rings", "flow_control", "offloads"}
    machine.rings = {"RX": 256, "TX": 256}
    machine.pause.update(RX="on", TX="on")
    machine.features = (FIXTURES / "e1000-k.txt").read_text()
    assert described()["before"] is None
    tune(Wishes("ens4", governor="leave", irq_affinity="leave", offloads={"gso": False}), host, consent=True)
    assert described()["before"]["offloads"] == {"gso": "on"}


def test_it_is_said_in_words(described, host):
    assert tuning_line(Tuning.from_json(described())) is None
    tune(WISHES, host, consent=True)
    assert tuning_line(Tuning.from_json(described(cpu=3))) == (
        "Rings: rx 4,096, tx 4,096; Flow control: autoneg on, rx off, tx off; Interrupts of the NIC: CPUs 0-2; "
        "CPU of the sending program: 3, isolated; "
        "Tuned: governor, rings, flow_control, offloads, irq_affinity, isolation"
    )
    assert tuning_texts(Tuning.from_json(described(cpu=2)))["CPU of the sending program"] == "2, not isolated"


def environment(**tuning):
    return {"kernel": "6.1", "nic": {"mtu": 1500}, "tuning": {"irqbalance": False, "before": None, **tuning}}


def test_what_was_before_does_not_tell_environments_apart_and_what_is_does():
    plain = fingerprint(environment(cpu=None))
    assert fingerprint(environment(cpu=None, before={"governor": {"cpu0": "powersave"}})) == plain
    assert fingerprint(environment(cpu=3)) != plain


def test_interrupts_that_irqbalance_moves_tell_nothing():
    still = [fingerprint(environment(irq_affinity=[cpu])) for cpu in "01"]
    moved = [fingerprint(environment(irq_affinity=[cpu], irqbalance=True)) for cpu in "01"]
    assert still[0] != still[1]
    assert moved[0] == moved[1]
