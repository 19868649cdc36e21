#!/usr/bin/env python3
"""What storing results costs: seconds and CPU seconds to store a run of synthetic trials, and to read it.

Each trial is stored as the role benchmark does it: validated, its samples written, its line appended, the counts of the
run returned. Storing must be linear in the number of trials, so the time per trial must not grow with it.
Prints a table, and writes the figures as JSON.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests" / "fixtures" / "runs"))

from synthetic_run import CASES, RATES, make_info, make_result  # noqa: E402

from linerate.results.model import TrialResult  # noqa: E402
from linerate.results.read import load_run  # noqa: E402
from linerate.results.store import RunFolder  # noqa: E402

SCHEMAS = ROOT / "schemas"
TRIALS = (200, 2000)
SAMPLES = "side,elapsed_seconds,interval_seconds,packets,pps,pcap_bps\nsender,1.0,1.0,10000,10000.0,6240000.0\n"

Figures = dict[str, Any]


def trials(number: int) -> list[TrialResult]:
    """The results of ``number`` trials."""
    plan = [(case, rate) for case in CASES for rate in RATES]
    return [
        make_result(place + 1, *plan[place % len(plan)], repeat=1 + place // len(plan))[0] for place in range(number)
    ]


def measure(number: int, folder: Path) -> Figures:
    """Store ``number`` trials one after the other, each with a RunFolder of its own, and read them."""
    results = trials(number)
    path = RunFolder.create(folder, make_info([result.to_json() for result in results]), SCHEMAS).path
    start, cpu = time.perf_counter(), time.process_time()
    for result in results:
        run = RunFolder(path, SCHEMAS)
        run.add(result, SAMPLES)
        stored = run.stored()
    seconds, cpu_seconds = time.perf_counter() - start, time.process_time() - cpu
    start = time.perf_counter()
    load_run(path)
    return {
        "trials": stored.trials,
        "store_s": seconds,
        "store_cpu_s": cpu_seconds,
        "store_ms_per_trial": 1000 * seconds / number,
        "read_s": time.perf_counter() - start,
    }


def table(figures: list[Figures]) -> str:
    """The figures as text."""
    lines = [f"{'trials':>6} {'store, s':>9} {'CPU, s':>8} {'ms per trial':>13} {'read, s':>8}"]
    for one in figures:
        lines.append(
            f"{one['trials']:6} {one['store_s']:9.2f} {one['store_cpu_s']:8.2f} {one['store_ms_per_trial']:13.2f} "
            f"{one['read_s']:8.2f}"
        )
    return "\n".join(lines)


def main() -> None:
    """Measure each number of trials."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trials", type=int, nargs="+", default=list(TRIALS))
    parser.add_argument("--json", type=Path, default=Path(__file__).with_suffix(".json"), help="file of the figures")
    given = parser.parse_args()
    figures = []
    for number in given.trials:
        with tempfile.TemporaryDirectory() as folder:
            figures.append(measure(number, Path(folder)))
    print(table(figures))
    given.json.write_text(json.dumps(figures, indent=2) + "\n")
    print(f"figures: {given.json}")


if __name__ == "__main__":
    main()
