"""CAP_NET_RAW is enough to send and to count, and hostile names do nothing: rows of `make test-faults`."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from tests.faults import hostile_names, looked_at_before
from tests.faults.fault import Fault
from tests.faults.run import run

RIGHTS = [fault for fault in looked_at_before.FAULTS if "CAP_NET_RAW" in fault.name or "right" in fault.name]


@pytest.mark.parametrize("fault", [*RIGHTS, *hostile_names.FAULTS], ids=lambda fault: fault.name)
def test_it_is_as_promised(namespaces: None, fault: Fault) -> None:
    # Where everyone may go, unlike pytest's own folders.
    with tempfile.TemporaryDirectory(prefix="linerate-faults-") as folder:
        row = run(fault, Path(folder))
    assert row.kept, row
