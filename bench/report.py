#!/usr/bin/env python3
"""The cost of a report by number of trials: seconds to write it, its size, and the time a browser takes to show it.

The runs are synthetic (tests/fixtures/runs), in a temporary folder. Each report is written by ``linerate report`` in a
process of its own and opened in headless Chromium several times; the table shows medians.
Prints a table, and writes the results as JSON.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from selenium import webdriver

ROOT = Path(__file__).resolve().parents[1]
SYNTHETIC = ROOT / "tests" / "fixtures" / "runs" / "synthetic_run.py"
CHROMIUM, CHROMEDRIVER = "/usr/bin/chromium", "/usr/bin/chromedriver"
TRIALS = (4, 40, 400)
REPEATS = 5

TIMES = """
const navigation = performance.getEntriesByType("navigation")[0];
const paint = performance.getEntriesByName("first-contentful-paint")[0];
return {
  dom_content_loaded_ms: navigation.domContentLoadedEventEnd, load_ms: navigation.loadEventEnd,
  first_paint_ms: paint ? paint.startTime : null, elements: document.getElementsByTagName("*").length,
};
"""

Figures = dict[str, Any]


def write(folder: Path) -> Figures:
    """Write the report of the run in ``folder``; returns the seconds of the whole process and the bytes."""
    command = [str(Path(sys.executable).parent / "linerate"), "report", str(folder)]
    seconds = []
    for _ in range(REPEATS):
        (folder / "report.html").unlink(missing_ok=True)
        begin = time.perf_counter()
        subprocess.run(command, check=True, capture_output=True)
        seconds.append(time.perf_counter() - begin)
    return {"make_seconds": statistics.median(seconds), "bytes": (folder / "report.html").stat().st_size}


def show(browser: webdriver.Chrome, report: Path) -> Figures:
    """Open the report REPEATS times; returns the medians of the milliseconds since the start of navigation."""
    shown = []
    for _ in range(REPEATS):
        browser.get("about:blank")
        browser.get(report.as_uri())
        shown.append(browser.execute_script(TIMES))
    known = {name: [one[name] for one in shown if one[name] is not None] for name in shown[0]}
    return {name: statistics.median(values) if values else None for name, values in known.items()}


def open_browser(profile: str) -> webdriver.Chrome:
    """A headless Chromium with a profile of its own."""
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    switches = ("--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking")
    for option in (*switches, f"--user-data-dir={profile}"):
        options.add_argument(option)
    return webdriver.Chrome(options=options, service=webdriver.ChromeService(CHROMEDRIVER))


def table(results: list[Figures]) -> str:
    """The results as a text table."""
    lines = [f"{'trials':>6} {'write s':>10} {'size kB':>9} {'elements':>9} {'DOM ready ms':>13} {'loaded ms':>10}"]
    for one in results:
        size, ready, loaded = one["bytes"] / 1000, one["dom_content_loaded_ms"], one["load_ms"]
        lines.append(
            f"{one['trials']:6} {one['make_seconds']:10.2f} {size:9.0f} {one['elements']:9.0f} "
            f"{ready:13.0f} {loaded:10.0f}"
        )
    return "\n".join(lines)


def main() -> None:
    """Write and show a report of each size."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trials", type=int, nargs="+", default=list(TRIALS))
    parser.add_argument("--json", type=Path, default=Path(__file__).with_suffix(".json"), help="file for the results")
    given = parser.parse_args()
    results = []
    with tempfile.TemporaryDirectory() as folder:
        browser = open_browser(f"{folder}/profile")
        try:
            for trials in given.trials:
                run = Path(folder) / f"run-{trials}"
                subprocess.run([sys.executable, str(SYNTHETIC), str(run), str(trials)], check=True, capture_output=True)
                written = write(run)
                results.append({"trials": trials, **written, **show(browser, run / "report.html")})
        finally:
            browser.quit()
    print(table(results))
    given.json.write_text(json.dumps(results, indent=2) + "\n")
    print(f"results: {given.json}")


if __name__ == "__main__":
    main()
