"""The verdict of the record that linerate would store for a trial with a fault."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from tests.faults.bench import TRIAL_ID, Ended
from tests.faults.fault import Fault
from tests.integration.trials import PATIENCE_SECONDS, make_trial, stored_record

from linerate.errors import LinerateError
from linerate.pcap.reader import read_summary
from linerate.results.consistency import contradiction
from linerate.results.model import TrialResult
from linerate.trial.journal import interrupted
from linerate.trial.model import Case, Offered, Trial


def module_result(ended: Ended) -> dict[str, Any]:
    """The module's result; where it was killed, the one in its journal, once the cleanup is complete."""
    try:
        result: dict[str, Any] = json.loads(ended.stdout)
        return result
    except ValueError:
        journals, _ = interrupted(wait_seconds=PATIENCE_SECONDS)
        if not journals:
            return {"failed": True, "msg": f"no result: {ended.stdout[-300:]} {ended.stderr}"}
        return journals[-1].sent.to_json()


def verdict(fault: Fault, pcap: str, result: Mapping[str, Any], counted: Mapping[str, Any] | None) -> str:
    """The verdict as text; the record must satisfy its schema and be consistent."""
    record = stored_record(_planned(fault, pcap), result, counted)
    assert not contradiction(TrialResult.from_json(record))
    found = record["verdict"]
    text = "valid" if found["valid"] else "not valid: " + "; ".join(found["reasons"])
    if record["claim"] and "seconds" in fault.note:
        text += f" (read: {record['claim']['successful']} packets in {record['claim']['seconds']} s)"
    if found["valid"] and record["loss"]:
        text += f", {record['loss']['packets']:,} packets lost"
    return text + (", partial result kept" if record["partial"] and record["sender_nic"]["tx_packets"] else "")


def _planned(fault: Fault, pcap: str) -> Trial:
    options = {"loop": 1, **fault.options}
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
    case = Case("fault", pcap, "0" * 64, lengths[3], *lengths[:3], ("198.19.0.1",), vlan_tags=fault.vlan_tags)
    method = {name: options[name] for name in ("xdp", "adapter")} if options.get("xdp") else {}
    return replace(make_trial(pcap, TRIAL_ID, topspeed=True, **method), case=case, offered=offered)
