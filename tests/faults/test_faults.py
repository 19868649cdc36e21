"""Each fault is injected into tcpreplay alone and then into linerate; conftest.py prints the table of both."""

from __future__ import annotations

import re
import signal
from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest
from tests.faults import before_sending, clocks, guests, messages, path, security, while_sending, xdp
from tests.faults.bench import Bench, Ended
from tests.faults.fault import Fault
from tests.faults.verdict import module_result, verdict
from tests.integration.conftest import REPOSITORY
from tests.integration.trials import PATIENCE_SECONDS, nic, senders

ALONE_SECONDS = 5
"""A tcpreplay that has not ended so long after the fault never ends, as the table puts it."""
FLOOD_BYTES, MESSAGE_CHARACTERS = 1 << 20, 240
"""Bytes of stderr that the table mentions, and characters of a message that it shows."""
FAULTS = [
    *(
        pytest.param(fault, id=fault.name, marks=pytest.mark.long)
        for module in (before_sending, while_sending, clocks, messages, xdp, path)
        for fault in module.FAULTS
    ),
    *(pytest.param(fault, id=fault.name) for fault in security.FAULTS),
]
NewBench = Callable[[], AbstractContextManager[Bench]]


@pytest.mark.parametrize("fault", FAULTS)
def test_linerate_reports_the_fault_and_restores_the_interface(
    fault: Fault, new_bench: NewBench, record_property: Callable[[str, object], None]
) -> None:
    record_property("Fault", fault.name)
    record_property("tcpreplay alone", tcpreplay_alone(fault, new_bench))
    with new_bench() as bench:
        pcap = prepare(fault, bench)
        stop_count = fault.witness(fault, bench, pcap) if fault.witness else lambda: None
        before, others, files = nic(), set(senders()), set(bench.folder.iterdir())
        ended = bench.run([*fault.prefix, *bench.module(pcap, **fault.options)], fault.during, PATIENCE_SECONDS)
        result = module_result(ended)
        counted = stop_count()
        message = f"refused: {result['msg']}" if result.get("failed") else verdict(fault, pcap, result, counted)
        message, after = " ".join(message.split()), changes(before, nic())
        record_property("linerate", f"{shortened(message.replace(f'{bench.folder}/', ''))}, {ended.seconds:.1f} s")
        record_property("Interface afterwards", after)
        assert re.search(fault.promised, message)
        assert re.fullmatch(fault.after, after)
        assert not ended.hung
        assert set(senders()) <= others
        assert set(bench.folder.iterdir()) == files


@pytest.mark.parametrize("test", sorted({test for _, test in guests.FAULTS}), ids=str)
def test_the_table_of_faults_in_guests_names_a_test_that_exists(test: str) -> None:
    file, _, name = test.partition(": ")
    assert f"def {name}(" in (REPOSITORY / file).read_text()


def prepare(fault: Fault, bench: Bench) -> str:
    """Make the pcap, and whatever else the fault needs before anything is sent; the pcap's path."""
    pcap = fault.pcap(bench)
    if fault.before:
        fault.before(bench)
    return pcap


def tcpreplay_alone(fault: Fault, new_bench: NewBench) -> str:
    """How tcpreplay ends without linerate, and what it claims."""
    if fault.note:
        return f"- {fault.note}"
    with new_bench() as bench:
        return described(bench.run([*fault.tcpreplay(), prepare(fault, bench)], fault.during, ALONE_SECONDS))


def described(ended: Ended) -> str:
    if ended.hung:
        how = "never ends"
    elif ended.status < 0:
        how = f"killed by {signal.Signals(-ended.status).name}"
    else:
        how = f"exit {ended.status}"
    claimed = re.search(r"Successful packets:\s+(\d+)", ended.stdout)
    claim = f"claims {claimed[1]} sent" if claimed else "no statistics"
    flood = f", {ended.stderr_bytes / 1e6:.0f} MB of stderr" if ended.stderr_bytes > FLOOD_BYTES else ""
    return f"{how}, {ended.seconds:.1f} s, {claim}{flood}"


def changes(before: dict[str, str], after: dict[str, str]) -> str:
    """The settings that differ, by name; `gone` where the interface does not exist any more."""
    if not after:
        return "gone"
    return "; ".join(f"{name}: {after[name]}" for name in before if before[name] != after[name]) or "as before"


def shortened(text: str) -> str:
    return text if len(text) <= MESSAGE_CHARACTERS else f"{text[:MESSAGE_CHARACTERS]} ..."
