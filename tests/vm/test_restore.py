"""The way back, from a sender with everything on it; and the way there again."""

from __future__ import annotations

import re

RESTORE = "playbooks/restore.yml"


def test_without_consent_nothing_is_changed(guests, site):
    refused = guests(RESTORE, **{**site, "netmap_rebind_ok": False})
    assert "netmap_rebind_ok: is not set, and ens4 would disappear briefly" in " ".join(refused.failures)
    assert refused.changed_tasks == 0


def test_while_netmap_is_in_use_it_says_by_whom_and_changes_nothing(guests, site):
    held = guests("tests/vm/hold_netmap.yml", netmap_held=True)
    assert held.rc == 0, held.stdout
    refused = guests(RESTORE, **site)
    assert (refused.rc, refused.changed_tasks) == (2, 0), refused.stdout
    assert re.search(r"netmap: is in use by sleep \(\d+\)", " ".join(refused.failures)), refused.stdout
    released = guests("tests/vm/hold_netmap.yml", netmap_held=False)
    assert released.rc == 0, released.stdout


def test_check_mode_foretells_it(play, site):
    foretold = play(RESTORE, "--inventory inventory/vm --check", **site)
    assert foretold.rc == 0, foretold.stdout
    assert foretold.changed_tasks > 0
    assert "rmmod netmap" in foretold.stdout


def test_afterwards_nothing_of_ours_is_left_and_a_second_run_changes_nothing(guests, site):
    done = guests(RESTORE, **site)
    assert done.rc == 0, done.stdout
    assert done.changed_tasks > 0
    looked = guests("tests/vm/restored.yml")
    assert looked.rc == 0, looked.stdout
    again = guests(RESTORE, **site)
    assert (again.rc, again.changed_tasks) == (0, 0), again.stdout


def test_the_sender_can_be_made_again(guests, site):
    made = guests("playbooks/provision.yml", **site)
    assert made.rc == 0, made.stdout
    verified = guests("playbooks/verify.yml", **site)
    assert verified.rc == 0, verified.stdout
