"""netmap on kernels of their own: built once beside the guests, installed on both, loaded by name and at boot.

Needs artifacts/netmap-<commit>.tar.gz or netmap's upstream, and the headers of the guests' kernel here.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
COMMIT = "89607e1406c1fa5ac2106bd2ff33417f090c0d60"


@pytest.fixture(scope="module")
def netmap(guests):
    """A function that runs the role with the controller as the build host."""
    if not (REPOSITORY / f"artifacts/netmap-{COMMIT}.tar.gz").exists():
        pytest.skip(f"netmap's source is not at hand: artifacts/netmap-{COMMIT}.tar.gz")
    if not list(Path("/lib/modules").glob("*/build/Makefile")):
        pytest.skip("this machine has no kernel headers to build netmap with: install those of the guests' kernel")

    def run():
        return guests("playbooks/netmap.yml", netmap_build_host="localhost")

    return run


def test_it_is_built_installed_and_loaded_and_a_second_run_changes_nothing(netmap):
    first = netmap()
    assert first.rc == 0, first.stdout
    assert first.changed_tasks > 0
    again = netmap()
    assert (again.rc, again.changed_tasks) == (0, 0), again.stdout


def test_after_a_reboot_it_is_loaded_with_nothing_done_by_hand(netmap, guests):
    rebooted = guests("tests/vm/reboot.yml")
    assert rebooted.rc == 0, rebooted.stdout
    found = guests("tests/vm/netmap.yml", wanted_commit=COMMIT)
    assert found.rc == 0, found.stdout
    # The sending interface has its stock driver.
    assert re.search(r"ens4 is emulated: driver: e1000", found.stdout)
