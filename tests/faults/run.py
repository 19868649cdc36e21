"""Run a fault: bare tcpreplay, then our module, and hold what came of it against what was promised."""

from __future__ import annotations

import json
import re
import signal
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.faults.bench import BARE_SECONDS, PATIENCE_SECONDS, RUN_ID, TRIAL, Bench, Ended
from tests.faults.fault import Fault

from linerate.errors import LinerateError
from linerate.lab.namespaces import RECEIVER, SENDER
from linerate.pcap.reader import read_summary
from linerate.results.store import check
from linerate.trial.consistency import contradiction
from linerate.trial.journal import left
from linerate.trial.plan import Offered
from linerate.trial.result import build
from linerate.trial.witnesses import report

SCHEMA = Path(__file__).parents[2] / "schemas/trial.schema.json"
MANY, SHOWN = 1 << 20, 240
"""Bytes of stderr worth telling, and characters of what we said."""


@dataclass(frozen=True)
class Row:
    """What came of a fault; ``kept`` is whether all was as promised."""

    name: str
    bare: str
    ours: str
    after: str
    kept: bool


def run(fault: Fault, folder: Path) -> Row:
    """Try ``fault`` with both, each in a lab of its own."""
    bare = _bare(fault, folder) if fault.bare is not None else f"- {fault.note}".strip()
    said, seconds, after, clean = _ours(fault, folder)
    kept = bool(re.search(fault.promised, said)) and bool(re.fullmatch(fault.after, after)) and clean
    shown = said.replace(f"{folder}/", "")
    shown = shown if len(shown) <= SHOWN else f"{shown[:SHOWN]} ..."
    return Row(fault.name, bare, f"{shown}, {seconds:.1f} s", after, kept)


def _bare(fault: Fault, folder: Path) -> str:
    with Bench(folder) as bench:
        pcap = fault.pcap(bench)
        fault.before(bench)
        options = [*(fault.bare or ()), pcap]
        interface = [] if any(option.startswith("--intf1") for option in options) else [f"--intf1={SENDER.interface}"]
        ended = bench.send([*fault.prefix, "tcpreplay", *interface, *options], fault.during, BARE_SECONDS)
    return _told(ended)


def _told(ended: Ended) -> str:
    """How tcpreplay ended, and what it claimed or complained of."""
    how = "exit 0"
    if ended.hung:
        how = "never ends"
    elif ended.status < 0:
        how = f"killed by {signal.Signals(-ended.status).name}"
    elif ended.status:
        how = f"exit {ended.status}"
    claimed = re.search(r"Successful packets:\s+(\d+)", ended.stdout)
    said = f"claims {claimed[1]} sent" if claimed else "no statistics"
    if ended.stderr_bytes > MANY:
        said += f", {ended.stderr_bytes / 1e6:.0f} MB of stderr"
    return f"{how}, {ended.seconds:.1f} s, {said}"


def _ours(fault: Fault, folder: Path) -> tuple[str, float, str, bool]:
    """What we said, the seconds it took from the fault on, the interface afterwards, and whether nothing is left."""
    with Bench(folder) as bench:
        pcap = fault.pcap(bench)
        fault.before(bench)
        if fault.witness:
            bench.count(fault.prefix)
        before, others, files = bench.interface(), set(bench.tcpreplays()), set(folder.iterdir())
        ended = bench.send(bench.module(pcap, fault.prefix, **fault.ours), fault.during, PATIENCE_SECONDS)
        result = _result(ended)
        counted = bench.counted() if fault.witness else None
        said = result["msg"] if result.get("failed") else _verdict(fault, pcap, result, counted)
        after = _compared(before, bench.interface())
        clean = not ended.hung and set(bench.tcpreplays()) <= others and set(folder.iterdir()) == files
    return ("refused: " if result.get("failed") else "") + " ".join(str(said).split()), ended.seconds, after, clean


def _result(ended: Ended) -> dict[str, Any]:
    """The module's answer; where it was killed, what its journal says once all is cleaned up."""
    try:
        found: dict[str, Any] = json.loads(ended.stdout)
        return found
    except ValueError:
        journals, _ = left(wait_seconds=PATIENCE_SECONDS)
        if not journals:
            return {"failed": True, "msg": f"no answer: {ended.stdout[-300:]} {ended.stderr[-300:]}"}
        return {**journals[-1].sent, "killed": True}


def _verdict(fault: Fault, pcap: str, result: Mapping[str, Any], counted: Mapping[str, Any] | None) -> str:
    """The verdict of the record that is stored, which must satisfy its schema and agree with itself."""
    planned = _planned(fault, pcap)
    definition = {"name": "receiver1", "kind": "linux", "host": "receiver1", "interface": RECEIVER.interface}
    reports = [report(definition, counted)] if counted is not None else []
    context = {
        "run_id": RUN_ID,
        "sender": {"host": "sender1", "interface": SENDER.interface},
        "receiver": {"host": "receiver1", "interface": RECEIVER.interface},
        "line_rate": {"bps": 1e10, "source": "assumed"},
        "versions": {"linerate": "0", "tcpreplay": "0"},
        "fingerprint": "0" * 16,
    }
    record = build(planned, {**result}, reports, context)
    record = json.loads(json.dumps(record))
    check(record, SCHEMA)
    wrong = contradiction(record)
    if wrong:
        return f"a record that contradicts itself: {wrong}"
    verdict = record["verdict"]
    kind = "valid" if verdict["valid"] else "not valid: " + "; ".join(verdict["reasons"])
    if record["claim"] and "seconds" in fault.note:
        kind += f" (read: {record['claim']['successful']} packets in {record['claim']['seconds']} s)"
    return kind + (", partial result kept" if record["partial"] and record["sender_nic"]["tx_packets"] else "")


def _planned(fault: Fault, pcap: str) -> dict[str, Any]:
    options = {"loop": 1, **fault.ours}
    try:
        summary = read_summary(pcap)
        lengths = (summary.mean_frame_length, summary.min_frame_length, summary.max_frame_length, summary.packets)
    except LinerateError:
        lengths = (78.0, 78, 78, 1000)
    mode = next(name for name in ("pps", "mbps", "topspeed") if options.get(name))
    value = None if mode == "topspeed" else float(options[mode])
    pps = value * 1e6 / 8 / lengths[0] if value and mode == "mbps" else value
    packets = options.get("limit") or options["loop"] * lengths[3]
    offered = Offered(mode, value, pps, packets if pps else None, 0.001, options.get("deadline_seconds", 60))
    case = {
        "name": "fault", "pcap": pcap, "pcap_sha256": "0" * 64, "pcap_packets": lengths[3],
        "mean_frame_length": lengths[0], "min_frame_length": lengths[1], "max_frame_length": lengths[2],
    }  # fmt: skip
    trial = {**TRIAL["planned"], "sequence": 1, "repeat": 1, "engine": "kernel"}
    return {**trial, "case": case, "offered": vars(offered)}


def _compared(before: Mapping[str, str], after: Mapping[str, str]) -> str:
    if after.get("interface") == "gone":
        return "gone"
    found = [f"{name}: {after.get(name)}" for name in before if before[name] != after.get(name)]
    return "; ".join(found) or "as before"
