"""The way back, from a sender with everything on it; and the way there again."""

from __future__ import annotations

import re

RESTORE = "playbooks/restore.yml"


def test_without_consent_nothing_is_changed(guests, site):
    refused = guests(RESTORE, **{**site, "netmap_rebind_ok": False})
    assert "netmap_rebind_ok: is not set, and ens4 would disappear briefly" in " ".join(refused.failures)
    assert refused.changed_tasks == 0


def test_netmap_in_use_is_reported_with_the_process(guests, site):
    held = guests("tests/vm/hold_netmap.yml", netmap_held=True)
    assert held.rc == 0, held.stdout
    refused = guests(RESTORE, **site)
    assert (refused.rc, refused.changed_tasks) == (2, 0), refused.stdout
    assert re.search(r"netmap: is in use by sleep \(\d+\)", " ".join(refused.failures)), refused.stdout
    released = guests("tests/vm/hold_netmap.yml", netmap_held=False)
    assert released.rc == 0, released.stdout


def test_check_mode_predicts_the_steps(play, site):
    predicted = play(RESTORE, "--inventory inventory/vm --check", **site)
    assert predicted.rc == 0, predicted.stdout
    assert predicted.changed_tasks > 0
    assert "rmmod netmap" in predicted.stdout


def test_restore_leaves_no_files_and_is_idempotent(guests, site):
    done = guests(RESTORE, **site)
    assert done.rc == 0, done.stdout
    assert done.changed_tasks > 0
    verified = guests("tests/vm/restored.yml")
    assert verified.rc == 0, verified.stdout
    again = guests(RESTORE, **site)
    assert (again.rc, again.changed_tasks) == (0, 0), again.stdout


def test_restored_host_can_be_provisioned_again(guests, site):
    provisioned = guests("playbooks/provision.yml", **site)
    assert provisioned.rc == 0, provisioned.stdout
    verified = guests("playbooks/verify.yml", **site)
    assert verified.rc == 0, verified.stdout
