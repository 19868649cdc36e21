#!/usr/bin/env python3
"""The cost of the live view: packets per second with it and with Ansible's own output, in turn (root).

Both run the same trials at top speed on a terminal, in a lab of their own. Prints the ratio of the medians with its
95 % interval, and the CPU time of Ansible per run, and writes the figures as JSON.
"""

from __future__ import annotations

import argparse
import json
import statistics
from dataclasses import asdict
from pathlib import Path
from typing import Any

from playbook import benchmark, lab

from linerate.report.text import interval_text
from linerate.results.read import load_run
from linerate.results.statistics import Estimate, Repeats, ratio

LIVE, PLAIN = "live", "ansible"
PROMISED = 0.01
ROUNDS, REPEATS = 4, 6


def measure(rounds: int, seconds: float) -> dict[str, Any]:
    """Run both outputs ``rounds`` times, with the order reversed in every other round."""
    rates: dict[str, list[float]] = {LIVE: [], PLAIN: []}
    cpu: dict[str, list[float]] = {LIVE: [], PLAIN: []}
    scenario = {
        "benchmark_rates": [{"mode": "topspeed"}],
        "benchmark_repeats": REPEATS,
        "benchmark_duration_topspeed": seconds,
    }
    with lab() as folder:
        for place in range(rounds):
            for output in (LIVE, PLAIN) if place % 2 else (PLAIN, LIVE):
                run_id = f"{output}-{place}"
                used = benchmark(folder, run_id, output, **scenario)
                cpu[output].append(used)
                run = load_run(folder / "results" / run_id)
                found = [trial.rates.sent.pps for trial in run.valid if trial.rates.sent]
                rates[output] += found
                print(f"{run_id}: median {statistics.median(found):,.0f} pps, {used:.1f} s CPU", flush=True)
    return {
        "pps": rates,
        "ratio": asdict(ratio(Repeats(tuple(rates[LIVE])), Repeats(tuple(rates[PLAIN])))),
        "cpu_seconds": {output: statistics.median(used) for output, used in cpu.items()},
    }


def verdict(found: dict[str, Any]) -> str:
    """Whether the interval shows that the view costs less than is promised."""
    low, high = found["ratio"]["low"], found["ratio"]["high"]
    if low is not None and low >= 1 - PROMISED:
        return f"the view costs less than {100 * PROMISED:g} %"
    if high is not None and high < 1 - PROMISED:
        return f"the view costs more than {100 * PROMISED:g} %"
    return "the rates scatter too much here to tell: use a quieter machine or more rounds"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--seconds", type=int, default=2, help="how long a trial sends")
    parser.add_argument("--json", type=Path, default=Path(__file__).with_suffix(".json"), help="file for the results")
    given = parser.parse_args()
    found = measure(given.rounds, given.seconds)
    print(f"pps with the view / without: {interval_text(Estimate(**found['ratio']))}: {verdict(found)}")
    cpu = found["cpu_seconds"]
    print(f"CPU time of Ansible per run: {cpu[LIVE]:.2f} s with the view, {cpu[PLAIN]:.2f} s without")
    given.json.write_text(json.dumps(found, indent=2) + "\n")
    print(f"results: {given.json}")


if __name__ == "__main__":
    main()
