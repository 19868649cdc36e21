"""Witnesses as they are stored, and their differences."""

from __future__ import annotations

from typing import Any

from linerate.results.witnesses import disagreements, stored
from linerate.trial.evidence import WitnessReport
from linerate.trial.model import Witness
from linerate.trial.witnesses import report


def counted(name: str, kind: str, packets: int, **result: Any) -> WitnessReport:
    witness = Witness(name, kind, name, "i", refresh_seconds=10.0)
    return report(witness, {"witness": {"method": "if_mib", "packets": packets, "matches": "all"}, **result})


def test_an_unusable_witness_is_stored_with_the_reason():
    failed = stored(counted("a", "linux", 5, usable=False, reason="gone"))
    assert (failed.usable, failed.reason) == (False, "gone")
    silent = stored(report(Witness("a", "snmp", "a", "i"), {"failed": True, "msg": "timed out"}))
    assert (silent.usable, silent.reason, silent.packets, silent.method) == (False, "timed out", None, None)


def test_witnesses_that_counted_are_compared_pairwise():
    reports = [counted("a", "linux", 1000), counted("b", "snmp", 940), counted("c", "snmp", 1000, usable=False)]
    (pair,) = disagreements(reports, 100.0, 21.0)
    assert pair.to_json() == {
        "first": "a", "second": "b", "packets": 60, "percent": 6.0, "tolerance_packets": 21, "within": False,
    }  # fmt: skip


def test_counters_that_had_not_settled_may_lack_the_packets_of_one_refresh():
    reports = [counted("a", "linux", 1000), counted("b", "snmp", 200, settled=False)]
    (pair,) = disagreements(reports, 100.0, 21.0)
    assert (pair.tolerance_packets, pair.within) == (1021, True)
