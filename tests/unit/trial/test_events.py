"""The events of a trial, as another program would read them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from trial_records import planned

from linerate.errors import InputError
from linerate.receiver.sampler import Sample
from linerate.trial.events import MAX_FILES, Events, path_of, remove_events


def read(folder: Path) -> list[dict]:
    return [json.loads(line) for line in Path(path_of(planned(), str(folder))).read_text().splitlines()]


def test_start_intervals_and_end_are_one_object_per_line(tmp_path):
    events = Events(planned(), str(tmp_path))
    events.sample(Sample(1.0, 1.0, 20_000, 1_560_000))
    events.sample(Sample(2.0, 1.0, 20_001, 1_560_078))
    events.end(2.1, None)
    start, first, second, end = read(tmp_path)
    assert (start["event"], start["trial_id"]) == ("start", planned().trial_id)
    assert first == {
        "event": "interval",
        "elapsed_seconds": 1.0,
        "interval_seconds": 1.0,
        "packets": 20_000,
        "bytes": 1_560_000,
    }
    assert (second["elapsed_seconds"], second["packets"]) == (2.0, 20_001)
    assert (end["event"], end["elapsed_seconds"], end["stopped_because"]) == ("end", 2.1, None)


def test_close_samples_are_joined(tmp_path):
    events = Events(planned(), str(tmp_path))
    for number in range(1, 101):
        events.sample(Sample(number / 100, 0.01, 3, 300))
    _, first, second = read(tmp_path)
    assert [first["packets"], second["packets"]] == [150, 150]
    assert second["interval_seconds"] == pytest.approx(0.5)


def test_a_follower_needs_no_privilege(tmp_path):
    Events(planned(), str(tmp_path))
    assert Path(path_of(planned(), str(tmp_path))).stat().st_mode & 0o777 == 0o644


def test_the_events_of_an_earlier_attempt_are_replaced_and_old_files_removed(tmp_path):
    for number in range(MAX_FILES + 5):
        (tmp_path / f"old-{number}.jsonl").write_text("{}\n")
    Events(planned(), str(tmp_path)).sample(Sample(1.0, 1.0, 1, 1))
    Events(planned(), str(tmp_path))
    assert [event["event"] for event in read(tmp_path)] == ["start"]
    assert len(list(tmp_path.iterdir())) <= MAX_FILES


@pytest.mark.parametrize("folder", ["/proc/self/no", "/dev/null"])
def test_a_folder_that_cannot_be_written_to_costs_no_trial(folder):
    events = Events(planned(), folder)
    events.sample(Sample(1.0, 1.0, 1, 1))
    events.end(1.0, None)


def test_a_full_disk_costs_no_trial(tmp_path):
    events = Events(planned(), str(tmp_path))
    events.close()
    events.sample(Sample(1.0, 1.0, 1, 1))
    events.end(1.0, None)
    assert [event["event"] for event in read(tmp_path)] == ["start"]


def test_a_name_that_is_no_file_name_is_an_error():
    with pytest.raises(InputError):
        path_of(planned().__class__.from_json({**planned().to_json(), "trial_id": "../../etc/passwd"}))


def test_the_events_of_ended_trials_are_removed(tmp_path):
    folder = tmp_path / "events"
    Events(planned(), str(folder)).end(1.0, None)
    remove_events(str(folder))
    remove_events(str(folder))
    assert not folder.exists()
