"""`make test-faults`: what goes wrong, what tcpreplay itself makes of it, what we do, and the interface afterwards."""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.faults import hostile_names, in_guests, looked_at_before, said, while_sending
from tests.faults.run import Row, run

FAULTS = [*looked_at_before.FAULTS, *while_sending.FAULTS, *said.FAULTS, *hostile_names.FAULTS]
OWN = ("/run/netns", "/run/linerate", "/var/lib/linerate")
HEADER = ("#", "Fault", "tcpreplay itself", "We", "Interface afterwards", "As promised")
APART = "LINERATE_FAULTS_APART"


def main() -> int:
    parser = argparse.ArgumentParser(prog="tests.faults", description=__doc__)
    parser.add_argument("--only", default="", metavar="REGEX", help="run the faults whose name matches")
    parser.add_argument("--output", type=Path, default=Path("results/faults.md"), help="where the table goes, too")
    arguments = parser.parse_args()
    if APART not in os.environ:
        # With mounts of its own, so that a lab that is up stays as it is.
        command = ("unshare", "--mount", "--propagation", "private", "--", sys.executable, "-m", "tests.faults")
        return subprocess.run([*command, *sys.argv[1:]], env={**os.environ, APART: "1"}, check=False).returncode
    for folder in OWN:
        os.makedirs(folder, exist_ok=True)
        subprocess.run(["mount", "-t", "tmpfs", "linerate-faults", folder], check=True)
    rows = []
    for fault in FAULTS:
        if re.search(arguments.only, fault.name):
            with tempfile.TemporaryDirectory(prefix="linerate-faults-") as folder:
                rows.append(run(fault, Path(folder)))
            print(f"{'ok    ' if rows[-1].kept else 'BROKEN'} {rows[-1].name}", file=sys.stderr, flush=True)
    text = table(rows)
    arguments.output.parent.mkdir(exist_ok=True)
    arguments.output.write_text(text)
    print(text)
    return 0 if rows and all(row.kept for row in rows) else 1


def table(rows: list[Row]) -> str:
    """The rows in Markdown, and what needs netmap by name."""
    kept = sum(row.kept for row in rows)
    cells = [
        (str(number), row.name, row.bare, row.ours, row.after, "yes" if row.kept else "**NO**")
        for number, row in enumerate(rows, start=1)
    ]
    lines = [HEADER, tuple("---" for _ in HEADER), *cells]
    shown = "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)
    guests = "\n".join(f"| {name} | {where} |" for name, where in in_guests.FAULTS)
    return (
        f"{shown}\n\n{kept} of {len(rows)} as promised.\n\n"
        f"| needs netmap: in the guests (make test-vm-sender, test-vm-trials) | tested by |\n| --- | --- |\n{guests}\n"
    )


if __name__ == "__main__":
    sys.exit(main())
