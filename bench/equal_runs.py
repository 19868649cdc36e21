#!/usr/bin/env python3
"""How often two equal runs seem to differ: the same scenario again and again, each run compared with the one before.

Not part of `make bench`: it takes about a minute per run (root). Prints each comparison, and writes JSON.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from playbook import benchmark, lab

from linerate.report.run_comparison import change_json
from linerate.results.compare_runs import compare_runs
from linerate.results.read import load_run

RUNS = 11
LEAST_EQUAL = 0.9
SCENARIO: dict[str, Any] = {
    "benchmark_rates": [{"mode": "pps", "value": 20_000}, {"mode": "topspeed"}],
    "benchmark_repeats": 3,
    "benchmark_duration_paced": 1,
    "benchmark_duration_topspeed": 1,
}


def main() -> None:
    """Run, compare and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=RUNS)
    parser.add_argument("--json", type=Path, default=Path(__file__).with_suffix(".json"), help="file for the results")
    given = parser.parse_args()
    changes = []
    with lab() as folder:
        runs = []
        for place in range(given.runs):
            benchmark(folder, f"run-{place:02d}", "ansible", **SCENARIO)
            runs.append(load_run(folder / "results" / f"run-{place:02d}"))
            if place:
                changes.append(change_json(compare_runs(runs[-2], runs[-1])))
                print("; ".join(changes[-1]["lines"]), flush=True)
    equal = sum(not any(effect["significant"] for effect in change["effects"]) for change in changes)
    kept = equal >= LEAST_EQUAL * len(changes)
    word = "kept" if kept else "NOT kept"
    print(f"{equal} of {len(changes)} comparisons of equal runs show no significant change: {word}")
    given.json.write_text(json.dumps(changes, indent=2) + "\n")
    print(f"results: {given.json}")


if __name__ == "__main__":
    main()
