"""The bench as a fixture, and the table of faults: `make test-faults` asks for it with --table."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path

import pytest
from tests.faults import bench, guests
from tests.integration.conftest import namespaces, own_mounts

__all__ = ["namespaces", "own_mounts"]
COLUMNS = ("Fault", "tcpreplay alone", "linerate", "Interface afterwards")


@pytest.fixture
def new_bench(namespaces: None) -> Iterator[Callable[[], AbstractContextManager[bench.Bench]]]:
    """A function that sets up a bench. Its folder can be entered by unprivileged users, unlike pytest's own."""
    with tempfile.TemporaryDirectory(prefix="linerate-faults-") as folder:
        Path(folder).chmod(0o755)
        yield partial(bench.new_bench, Path(folder))


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--table", type=Path, metavar="FILE", help="print the table of faults, and write it to FILE")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    path = config.getoption("--table")
    if not path:
        return
    reports = [*terminalreporter.getreports("passed"), *terminalreporter.getreports("failed")]
    rows = [
        (dict(report.user_properties), report.passed)
        for report in sorted(reports, key=lambda report: report.start)
        if report.when == "call" and report.user_properties
    ]
    if not rows:
        pytest.exit("no fault was injected", pytest.ExitCode.TESTS_FAILED)
    text = table(rows)
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    terminalreporter.write_line(f"\n{text}")


def table(rows: list[tuple[dict[str, str], bool]]) -> str:
    """In Markdown: the faults that were injected here, and those that guests inject."""
    lines = [("#", *COLUMNS, "As promised"), ["---"] * 6]
    for number, (row, passed) in enumerate(rows, start=1):
        cells = (row.get(column, "-").replace("|", "\\|") for column in COLUMNS)
        lines.append((str(number), *cells, "yes" if passed else "**NO**"))
    kept = sum(passed for _, passed in rows)
    in_guests = [("needs netmap: in guests (make test-vm-sender, test-vm-trials)", "tested by"), ["---"] * 2]
    return f"{markdown(lines)}\n{kept} of {len(rows)} as promised.\n\n{markdown([*in_guests, *guests.FAULTS])}"


def markdown(rows: list[Sequence[str]]) -> str:
    return "".join(f"| {' | '.join(cells)} |\n" for cells in rows)
