"""A send method of the tests' own: all that linerate knows about it is this class, once it is registered."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from linerate.tcpreplay.supervise import Outcome
from linerate.trial.engines.base import Engine
from linerate.trial.evidence import Claim
from linerate.trial.model import Trial

SENDER = Path(__file__).parent / "dummy_sender.py"


class DummyEngine(Engine):
    """The engine ``dummy``: a Python program that sends through a packet socket."""

    name = "dummy"

    def command(self, trial: Trial) -> list[str]:
        load = trial.offered
        numbers = (load.packets or 0, load.paced_pps or 0, load.duration_seconds)
        return [sys.executable, str(SENDER), trial.sending.interface, trial.case.pcap, *map(str, numbers)]

    def gap_seconds(self, trial: Trial) -> float:
        return 1 / trial.offered.paced_pps if trial.offered.paced_pps else 0.0

    def read_claim(self, outcome: Outcome) -> tuple[Claim | None, str | None]:
        try:
            printed = json.loads(outcome.stdout)
        except ValueError:
            return None, "the dummy printed no count"
        packets, octets, seconds = printed["packets"], printed["bytes"], printed["seconds"]
        return Claim(
            packets=packets,
            bytes=octets,
            seconds=seconds,
            bytes_per_second=octets / seconds,
            mbps=8e-6 * octets / seconds,
            pps=packets / seconds,
            successful=packets,
        ), None
