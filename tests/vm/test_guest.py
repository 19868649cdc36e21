"""The main job between two guests with real kernels, over real SSH. The tests stand in the order of the story."""

from __future__ import annotations

import json
import os
import signal


def test_the_guests_have_kernels_of_their_own(guests):
    found = guests("tests/vm/kernel.yml")
    assert found.rc == 0, found.stdout


def test_starting_guests_that_run_changes_nothing(guests):
    again = guests("playbooks/vm_up.yml")
    assert (again.rc, again.changed_tasks) == (0, 0), again.stdout


def test_the_main_job_ends_with_valid_trials_and_a_witness_that_agrees(guests, tmp_path):
    done = guests("site.yml", benchmark_results_dir=str(tmp_path), benchmark_engines=["kernel"])
    assert done.rc == 0, done.stdout
    trials = [json.loads(line) for line in (tmp_path / "latest/trials.jsonl").read_text().splitlines()]
    assert len(trials) == 4
    for trial in trials:
        assert trial["verdict"]["valid"], trial["verdict"]
        assert trial["witness"]["packets"] == trial["claim"]["successful"] == trial["offered"]["packets"]
        assert set(trial["disagreement"].values()) == {0}
    environment = json.loads((tmp_path / "latest/run.json").read_text())["environment"]
    assert {environment[end]["nic"]["driver"] for end in ("sender", "receiver")} == {"e1000"}
    assert (tmp_path / "latest/report.html").exists()


def test_provisioning_again_changes_nothing(guests):
    again = guests("playbooks/provision.yml")
    assert (again.rc, again.changed_tasks) == (0, 0), again.stdout


def test_a_sender_that_was_rebooted_is_still_what_the_roles_promise(guests):
    rebooted = guests("tests/vm/reboot.yml")
    assert rebooted.rc == 0, rebooted.stdout
    verified = guests("playbooks/verify.yml")
    assert verified.rc == 0, verified.stdout


def test_a_guest_that_died_is_noticed_and_started_afresh(guests, running_folder):
    before = json.loads((running_folder / "guests.json").read_text())
    os.kill(int((running_folder / "receiver1.pid").read_text()), signal.SIGKILL)
    again = guests("playbooks/vm_up.yml")
    assert (again.rc, again.changed_tasks) == (0, 1), again.stdout
    after = json.loads((running_folder / "guests.json").read_text())
    assert after["sender1"] == before["sender1"]
    assert after["receiver1"]["port"] != before["receiver1"]["port"]
