#!/usr/bin/env python3
"""Throughput searches through devices that tc limits, whose throughput is known (root).

Each search is a whole run of playbooks/benchmark.yml with the default goal, in a lab that only this script uses: the
sender and the receiver with a bridge between them. Its port to the sender accepts 100,000 or 300,000 frames of 78 B per
second, or 200 Mbit/s of frames of 1514 B, and drops the others. Where the sender is slower than that, the search must
say so; the device is then replaced by a slower one. Prints a row for each search, and writes the figures as JSON.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections import deque
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from playbook import ROOT, own_mounts

sys.path.insert(0, str(ROOT))

from tests.integration.devices import bridge
from tests.integration.policer import police_by_tc

from linerate.lab.namespaces import absent, present
from linerate.results.read import load_run
from linerate.results.run import Run
from linerate.search.outcome import SENDER, sentence
from linerate.search.steps import outcomes
from linerate.system.run import run as run_command

SLOWER = 0.6
"""A device that is faster than the sender is replaced by one of this share of the sender's own limit."""
MOST_ERROR_PERCENT, MOST_SECONDS = 1.0, 120.0
AT_ONCE_SECONDS = 0.02
"""What the limit lets pass at once, in seconds of its rate: 0.2 % of the trials of 10 s that decide. A paced sender
that was interrupted for that long sends the missed frames faster."""


@dataclass(frozen=True)
class Device:
    """A device that forwards ``pps`` frames of ``frame`` bytes without FCS."""

    name: str
    frame: int
    pps: float

    def within(self, sender_pps: float) -> Device:
        """A device that such a sender can overload."""
        return Device(f"{SLOWER * sender_pps:,.0f} pps", self.frame, round(SLOWER * sender_pps))

    def limit(self, namespace: str) -> None:
        """Limit what the port to the sender accepts."""
        police_by_tc(namespace, "in", self.pps, AT_ONCE_SECONDS * self.pps)


DEVICES = (
    Device("100,000 pps", 78, 100_000),
    Device("300,000 pps", 78, 300_000),
    Device("200 Mbit/s", 1514, 200e6 / (8 * 1514)),
)


@dataclass(frozen=True)
class Figures:
    """One search: rates in packets/s, seconds from its first trial to its last, and of the whole playbook."""

    device: str
    truth_pps: float
    found_pps: float | None
    error_percent: float | None
    limited_by: str | None
    sender_pps: float
    trials: int
    load_seconds: float
    seconds: float
    playbook_seconds: float
    kept: bool
    outcome: str

    @property
    def beyond_sender(self) -> bool:
        """Whether the sender is slower than the device, so that the search must name it as the limit."""
        return self.limited_by == SENDER and self.sender_pps < self.truth_pps


def search(device: Device, folder: Path, goal: dict[str, Any], engines: list[str]) -> Figures:
    """Search for the throughput of ``device`` in a new lab."""
    variables = {
        "pcaps_dir": str(folder / "pcaps"),
        "pcaps_set": [{"name": "udp", "protocol": "udp", "frame_length": device.frame + 4}],
        "benchmark_results_dir": str(folder / "results"),
        "benchmark_engines": engines,
        "benchmark_rates": [{"mode": "topspeed"}],
        "benchmark_repeats": 1,
        "benchmark_search": ["throughput"],
        "benchmark_search_goals": [goal],
        "benchmark_fail_on_invalid": False,
    }
    playbook = [str(ROOT / ".venv/bin/ansible-playbook"), "playbooks/benchmark.yml", "-e", json.dumps(variables)]
    present(run_command)
    try:
        with bridge() as namespace:
            device.limit(namespace)
            begun = time.monotonic()
            done = subprocess.run(playbook, cwd=ROOT, capture_output=True, text=True, check=False)
            seconds = time.monotonic() - begun
    finally:
        absent(run_command)
    newest = folder / "results" / "latest"
    if not newest.exists():
        raise RuntimeError(f"the playbook stored no run:\n{done.stdout}{done.stderr}")
    return figures(device, load_run(newest, ROOT / "schemas"), seconds)


def figures(device: Device, run: Run, playbook_seconds: float) -> Figures:
    """What the search of ``run`` found, against the truth."""
    (outcome,) = outcomes(run.info.searches, run.trials)
    searched = [trial for trial in run.trials if trial not in run.listed]
    found = outcome.rates.pps if outcome.rates else None
    # What is lost of a load within the allowed loss is not forwarded.
    truth = device.pps / (1 - outcome.loss_ratio)
    error = None if found is None else 100 * (found / truth - 1)
    seconds = 0.0
    if searched:
        events = run.trials[0].started_at, searched[-1].ended_at
        begun, ended = (time.mktime(time.strptime(at[:19], "%Y-%m-%dT%H:%M:%S")) for at in events)
        seconds = ended - begun
    close = error is not None and abs(error) <= MOST_ERROR_PERCENT
    return Figures(
        device=device.name,
        truth_pps=truth,
        found_pps=found,
        error_percent=error,
        limited_by=outcome.limited_by,
        sender_pps=outcome.most_pps or 0.0,
        trials=len(searched),
        load_seconds=sum(trial.offered.duration_seconds for trial in searched),
        seconds=seconds,
        playbook_seconds=playbook_seconds,
        kept=close and outcome.of_device and seconds <= MOST_SECONDS,
        outcome=sentence(outcome),
    )


HEADER = (
    f"{'device':<12} {'truth, pps':>11} {'NDR, pps':>11} {'error, %':>9} {'trials':>6} {'load, s':>8} {'search, s':>9}"
)


def row(one: Figures) -> str:
    """A search as a row of the table."""
    found, error = ("-", "-") if one.error_percent is None else (f"{one.found_pps:,.0f}", f"{one.error_percent:+.2f}")
    verdict = "--" if one.beyond_sender else "ok" if one.kept else "NO"
    numbers = f"{one.truth_pps:>11,.0f} {found:>11} {error:>9} {one.trials:>6} {one.load_seconds:>8.0f}"
    return f"{one.device:<12} {numbers} {one.seconds:>9.0f}  {verdict}  {one.limited_by}"


def main() -> None:
    """Search, print and write the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--searches", type=int, default=10, help="how many; the devices take turns")
    parser.add_argument("--devices", nargs="*", default=[one.name for one in DEVICES], help="names of devices")
    parser.add_argument("--engines", nargs="*", default=["xdp"], help="send methods")
    parser.add_argument("--profile", default="default", help="profile of the goal")
    parser.add_argument("--loss-ratio", type=float, default=0.0, help="the loss that the goal allows")
    parser.add_argument("--json", type=Path, default=Path(__file__).with_suffix(".json"), help="file of the figures")
    given = parser.parse_args()
    own_mounts()
    goal = {"name": "goal", "profile": given.profile, "loss_ratio": given.loss_ratio}
    devices = deque(one for one in DEVICES if one.name in given.devices)
    found: list[Figures] = []
    print(HEADER, flush=True)
    while len(found) < given.searches:
        device = devices.popleft()
        with tempfile.TemporaryDirectory() as folder:
            one = search(device, Path(folder), goal, given.engines)
        print(row(one), flush=True)
        if one.beyond_sender:
            devices.append(device.within(one.sender_pps))
        else:
            devices.append(device)
            found.append(one)
    kept = sum(one.kept for one in found)
    print(f"{kept} of {len(found)} within {MOST_ERROR_PERCENT:g} % in at most {MOST_SECONDS:g} s")
    given.json.write_text(json.dumps([asdict(one) for one in found], indent=2) + "\n")
    print(f"figures: {given.json}")


if __name__ == "__main__":
    main()
