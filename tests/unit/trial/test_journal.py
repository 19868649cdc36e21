"""The journal of a trial outlasts its writer, and is read again."""

from __future__ import annotations

import errno
import json
import os
import stat
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from trial_parts import sent
from trial_records import NATIVE, bench, trial

from linerate.errors import HostError, InputError
from linerate.nic.counters import SenderNic
from linerate.receiver.sampler import Sample
from linerate.trial import journal as module
from linerate.trial.evidence import Adapter, Sent
from linerate.trial.journal import Journal, failed, forget, interrupted, name_of, start
from linerate.trial.model import Trial

ARGV = ["tcpreplay", "--intf1=ens4", "/x.pcap"]
NIC = SenderNic("sysfs", 900, 90_000, 0, 0)


def native(number: int = 1, run: str = "a-run") -> Trial:
    return trial(number, run, method=NATIVE)


def write(folder: Path, number: int = 1, run: str = "a-run", samples: int = 2, end: Sent | None = None) -> Path:
    """A journal whose writer has died, as the kernel sees it: its lock is gone."""
    journal = start(native(number, run), ARGV, str(folder), "e1000")
    assert journal is not None
    for second in range(samples):
        journal.sample(Sample(second + 1.0, 1.0, 450, 45_000), replace(NIC, tx_packets=450 * (second + 1)))
    if end is not None:
        journal.end(end)
    os.close(journal._file)
    return folder / f"{name_of(trial(number, run))}.jsonl"


def lines(folder: Path, name: str, head: dict[str, object]) -> None:
    """A journal that holds nothing but ``head``."""
    (folder / f"{name}.jsonl").write_text(json.dumps(head) + "\n")


def test_an_interrupted_trial_keeps_what_was_counted(tmp_path: Path):
    path = write(tmp_path)
    (found,), wrong = interrupted(str(tmp_path))
    assert wrong == []
    assert (found.name, found.trial) == ("a-run--001-x", native())
    assert found.sent.argv == tuple(ARGV)
    assert [sample.packets for sample in found.sent.samples] == [450, 450]
    assert [sample.elapsed_seconds for sample in found.sent.samples] == [1.0, 2.0]
    assert found.sent.nic == NIC
    assert found.sent.process.stopped_because == "the module that supervised it was killed"
    assert found.sent.process.exit_status is None
    assert found.sent.process.elapsed_seconds == 2.0
    assert found.sent.adapter == Adapter("native", None, "e1000", ())
    assert (found.sent.claim, found.sent.recovery) == (None, None)
    assert found.sent.started_at <= found.sent.ended_at
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_what_the_module_returns_of_it_is_read_again_whole(tmp_path: Path):
    write(tmp_path)
    (found,), _ = interrupted(str(tmp_path))
    returned = json.loads(json.dumps(found.to_json()))
    assert returned["name"] == found.name
    assert Trial.from_json(returned["trial"]) == found.trial
    assert Sent.of_result(returned["sent"]) == found.sent


def test_a_trial_that_ended_has_its_whole_result(tmp_path: Path):
    write(tmp_path, end=sent())
    (found,), _ = interrupted(str(tmp_path))
    assert found.sent == sent()


@pytest.mark.parametrize("kept", [1, 40, 200, 10_000])
def test_an_incomplete_line_is_left_out(tmp_path: Path, kept: int):
    path = write(tmp_path)
    whole = path.read_bytes()
    first = whole.index(b"\n") + 1
    path.write_bytes(whole[: first + kept])
    (found,), _ = interrupted(str(tmp_path))
    complete = whole[first : first + kept].count(b"\n")
    assert len(found.sent.samples) == complete
    assert (found.sent.nic.tx_packets is None) == (complete == 0)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\n",
        b"no json\n",
        b"[]\n",
        b"7\n",
        b'{"trial": {}}\n',
        b'{"trial": {"bench": {"run_id": "b"}}}\n',
        b'{"trial": {"bench": {"run_id": "other"}, "trial_id": "002-x", "sending": {}}}\n',
        b"\xff\n",
    ],
)
def test_a_file_that_is_not_a_journal_is_named_and_the_others_are_read(tmp_path: Path, content: bytes):
    write(tmp_path)
    (tmp_path / "other--002-x.jsonl").write_bytes(content)
    found, (wrong,) = interrupted(str(tmp_path))
    assert [journal.name for journal in found] == ["a-run--001-x"]
    assert "other--002-x.jsonl: is not a journal" in wrong


def test_one_that_names_another_trial_is_refused(tmp_path: Path):
    write(tmp_path).rename(tmp_path / "b-run--001-x.jsonl")
    found, (wrong,) = interrupted(str(tmp_path))
    assert found == []
    assert "names another trial" in wrong


@pytest.mark.parametrize("missing", ["trial", "argv", "driver", "started_at"])
def test_a_journal_whose_first_line_is_not_complete_is_named(tmp_path: Path, missing: str):
    head = {"trial": native().to_json(), "argv": ARGV, "driver": None, "started_at": "2026-01-01T00:00:00.000Z"}
    lines(tmp_path, "a-run--001-x", head)
    assert interrupted(str(tmp_path))[1] == []
    del head[missing]
    lines(tmp_path, "a-run--001-x", head)
    found, (wrong,) = interrupted(str(tmp_path))
    assert found == []
    assert f"a-run--001-x.jsonl: is not a journal ('{missing}'); remove it" in wrong


def test_a_trial_with_a_missing_or_an_unknown_key_is_named(tmp_path: Path):
    whole = {"argv": ARGV, "driver": None, "started_at": "2026-01-01T00:00:00.000Z"}
    stated = native().to_json()
    lines(tmp_path, "a-run--001-x", {"trial": {**stated, "warp": 9}, **whole})
    assert "Trial 'warp': is not known" in interrupted(str(tmp_path))[1][0]
    del stated["case"]["pcap"]
    lines(tmp_path, "a-run--001-x", {"trial": stated, **whole})
    assert "Case 'pcap': is missing" in interrupted(str(tmp_path))[1][0]


def test_a_journal_that_is_being_written_is_skipped_until_its_writer_is_killed(tmp_path: Path):
    code = (
        "import json, sys, time; from linerate.trial.journal import Journal; from linerate.trial.model import Trial\n"
        "journal = Journal(Trial.from_json(json.loads(sys.argv[2])), [], sys.argv[1]); print('begun', flush=True)\n"
        "time.sleep(600)"
    )
    command = [sys.executable, "-c", code, str(tmp_path), json.dumps(native().to_json())]
    writer = subprocess.Popen(command, stdout=subprocess.PIPE)
    assert writer.stdout is not None
    writer.stdout.readline()
    assert interrupted(str(tmp_path)) == ([], [])
    writer.kill()
    writer.communicate()
    assert len(interrupted(str(tmp_path), wait_seconds=60, only="a-run--001-x")[0]) == 1


def test_its_size_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module, "MAX_SAMPLES_BYTES", 10_000)
    path = write(tmp_path, samples=10_000, end=sent())
    assert path.stat().st_size < 12_000
    # There is always room for the result.
    (found,), _ = interrupted(str(tmp_path))
    assert found.sent == sent()


def test_the_next_trial_of_a_run_removes_the_journal_of_the_last(tmp_path: Path):
    write(tmp_path, 1, "other")
    write(tmp_path, 1)
    write(tmp_path, 2)
    assert sorted(path.stem for path in tmp_path.iterdir()) == ["a-run--002-x", "other--001-x"]


def test_their_number_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module, "MAX_JOURNALS", 3)
    for number in range(6):
        path = write(tmp_path, 1, f"run{number}")
        os.utime(path, (number, number))
    assert sorted(path.stem for path in tmp_path.iterdir()) == [f"run{number}--001-x" for number in (3, 4, 5)]


def test_the_journals_of_stored_trials_are_removed(tmp_path: Path):
    write(tmp_path)
    assert forget(["a-run--001-x", "b-run--001-x"], str(tmp_path), check=True) == ["a-run--001-x"]
    assert forget(["a-run--001-x", "b-run--001-x"], str(tmp_path)) == ["a-run--001-x"]
    assert list(tmp_path.iterdir()) == []
    assert interrupted(str(tmp_path / "nowhere")) == ([], [])


@pytest.mark.parametrize("name", ["../x", "/etc/x", "", "-x", "a b", "x" * 250, "x\n", ".hidden", "$(id)", "é"])
def test_names_that_are_not_plain_are_refused(tmp_path: Path, name: str):
    with pytest.raises(InputError, match="not a short plain file name"):
        forget([name], str(tmp_path))
    if name:
        with pytest.raises(InputError, match="not a short plain file name"):
            interrupted(str(tmp_path), only=name)
    with pytest.raises(InputError, match="not a short plain file name"):
        name_of(trial(bench=bench(run_id=f"/{name}")))


def test_a_folder_that_cannot_be_used_is_named(tmp_path: Path):
    (tmp_path / "file").write_text("")
    with pytest.raises(HostError, match="cannot be created: File exists"):
        start(trial(), ARGV, str(tmp_path / "file"))


def test_a_user_who_may_not_write_there_has_no_journal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    assert start(trial(), ARGV, str(tmp_path)) is None


def test_a_link_is_not_followed(tmp_path: Path):
    victim = tmp_path / "victim"
    victim.write_text("mine")
    (tmp_path / "journals").mkdir()
    (tmp_path / "journals/a-run--001-x.jsonl").symlink_to(victim)
    write(tmp_path / "journals")
    assert victim.read_text() == "mine"


def test_a_full_disk_does_not_end_the_trial(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    journal = Journal(trial(), ARGV, str(tmp_path))

    def full(descriptor: int, content: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    journal.sample(Sample(1.0, 1.0, 450, 45_000), NIC)
    journal.end(sent())
    monkeypatch.undo()
    os.close(journal._file)
    assert len(interrupted(str(tmp_path))[0]) == 1


def test_a_module_that_failed_makes_a_result_with_its_reason():
    half = failed(trial(), "interface 'ens17': is down.\n  Bring it up.")
    assert half.argv == ("tcpreplay", "--intf1=ens17", "--topspeed", "--loop=570", "--duration=3", "/p/x.pcap")
    assert half.process.stopped_because == "interface 'ens17': is down. Bring it up."
    assert half.process.exit_status is None
    assert half.claim_error == "there are no statistics of the sending program"
    assert half.nic == SenderNic("not known", None, None, None, None)
    assert Sent.from_json(json.loads(json.dumps(half.to_json()))) == half


def test_the_adapter_of_a_trial_that_was_not_sent_is_the_requested_one():
    assert failed(native(), "why").adapter == Adapter("native")
