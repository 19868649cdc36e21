"""What outlasts the one who watches a trial, and how it is read again."""

from __future__ import annotations

import errno
import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from linerate.errors import HostError, InputError
from linerate.trial import journal as module
from linerate.trial.journal import Journal, begin, failed, forget, left, name_of

ARGV = ["tcpreplay", "--intf1=ens4", "/x.pcap"]
ADAPTER = {"kind": "native", "found": None, "driver": "e1000", "evidence": []}
NIC = {"source": "sysfs", "tx_packets": 900, "tx_bytes": 90_000, "tx_dropped": 0, "tx_errors": 0}


def trial(number: int = 1, run: str = "a-run") -> dict:
    planned = {"trial_id": f"{number:03d}-x"}
    return {"context": {"run_id": run}, "planned": planned, "replay": {}, "witnesses": []}


def write(folder: Path, number: int = 1, run: str = "a-run", samples: int = 2, end: dict | None = None) -> Path:
    """A journal whose writer has died, as the kernel sees it: its lock is gone."""
    journal = begin(trial(number, run), ARGV, ADAPTER, str(folder))
    assert journal is not None
    for second in range(samples):
        sample = {"elapsed_seconds": second + 1.0, "interval_seconds": 1.0, "packets": 450, "bytes": 45_000}
        journal.sample(sample, {**NIC, "tx_packets": 450 * (second + 1)})
    if end is not None:
        journal.end(end)
    os.close(journal._file)
    return folder / f"{name_of(trial(number, run))}.jsonl"


def test_a_trial_that_was_cut_off_keeps_what_was_counted(tmp_path: Path):
    path = write(tmp_path)
    (found,), wrong = left(str(tmp_path))
    assert wrong == []
    assert (found.name, found.trial) == ("a-run--001-x", trial())
    assert found.sent["argv"] == ARGV
    assert [sample["packets"] for sample in found.sent["samples"]] == [450, 450]
    assert found.sent["nic"]["tx_packets"] == 900
    assert found.sent["process"]["stopped_because"] == "the module that watched it was killed"
    assert found.sent["process"]["exit_status"] is None
    assert found.sent["process"]["elapsed_seconds"] == 2.0
    assert found.sent["adapter"] == {**ADAPTER, "found": None}
    assert found.sent["started_at"] <= found.sent["ended_at"]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_trial_that_ended_has_its_whole_result(tmp_path: Path):
    write(tmp_path, end={"argv": ARGV, "process": {"exit_status": 0}})
    (found,), _ = left(str(tmp_path))
    assert found.sent == {"argv": ARGV, "process": {"exit_status": 0}}


@pytest.mark.parametrize("kept", [1, 40, 200, 10_000])
def test_a_line_that_was_cut_is_left_out(tmp_path: Path, kept: int):
    path = write(tmp_path)
    whole = path.read_bytes()
    first = whole.index(b"\n") + 1
    path.write_bytes(whole[: first + kept])
    (found,), _ = left(str(tmp_path))
    complete = whole[first : first + kept].count(b"\n")
    assert len(found.sent["samples"]) == complete
    assert (found.sent["nic"]["tx_packets"] is None) == (complete == 0)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\n",
        b"no json\n",
        b"[]\n",
        b"7\n",
        b'{"trial": {}}\n',
        b'{"trial": {"context": {"run_id": "b"}}}\n',
        b'{"trial": {"context": {"run_id": "other"}, "planned": {"trial_id": "002-x"}, "replay": {}}}\n',
        b"\xff\n",
    ],
)
def test_what_is_no_journal_is_named_and_stops_nothing(tmp_path: Path, content: bytes):
    write(tmp_path)
    (tmp_path / "other--002-x.jsonl").write_bytes(content)
    found, (wrong,) = left(str(tmp_path))
    assert [journal.name for journal in found] == ["a-run--001-x"]
    assert "other--002-x.jsonl: is not a journal" in wrong


def test_one_that_names_another_trial_is_refused(tmp_path: Path):
    write(tmp_path).rename(tmp_path / "b-run--001-x.jsonl")
    found, (wrong,) = left(str(tmp_path))
    assert found == []
    assert "names another trial" in wrong


def test_one_that_is_written_is_left_alone_until_its_writer_is_killed(tmp_path: Path):
    code = (
        "import sys, time; from linerate.trial.journal import Journal\n"
        f"journal = Journal({trial()!r}, {ARGV!r}, {ADAPTER!r}, sys.argv[1]); print('begun', flush=True)\n"
        "time.sleep(600)"
    )
    writer = subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE)
    assert writer.stdout is not None
    writer.stdout.readline()
    assert left(str(tmp_path)) == ([], [])
    writer.kill()
    writer.communicate()
    assert len(left(str(tmp_path), wait_seconds=60, only="a-run--001-x")[0]) == 1


def test_its_size_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module, "MAX_SAMPLES_BYTES", 10_000)
    path = write(tmp_path, samples=10_000, end={"whole": True})
    assert path.stat().st_size < 11_000
    # The result has its place whatever came before it.
    (found,), _ = left(str(tmp_path))
    assert found.sent == {"whole": True}


def test_the_next_trial_of_a_run_takes_the_place_of_the_last_which_is_stored(tmp_path: Path):
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


def test_what_is_stored_is_forgotten(tmp_path: Path):
    write(tmp_path)
    assert forget(["a-run--001-x", "b-run--001-x"], str(tmp_path), check=True) == ["a-run--001-x"]
    assert forget(["a-run--001-x", "b-run--001-x"], str(tmp_path)) == ["a-run--001-x"]
    assert list(tmp_path.iterdir()) == []
    assert left(str(tmp_path / "nowhere")) == ([], [])


@pytest.mark.parametrize("name", ["../x", "/etc/x", "", "-x", "a b", "x" * 250, "x\n", ".hidden", "$(id)", "é"])
def test_names_that_are_paths_or_worse_are_refused(tmp_path: Path, name: str):
    with pytest.raises(InputError, match="not a short plain file name"):
        forget([name], str(tmp_path))
    if name:
        with pytest.raises(InputError, match="not a short plain file name"):
            left(str(tmp_path), only=name)
    with pytest.raises(InputError, match="not a short plain file name"):
        name_of({"context": {"run_id": f"/{name}"}, "planned": {"trial_id": "001-x"}})


def test_a_trial_without_a_name_is_refused():
    with pytest.raises(InputError, match=r"no context\.run_id or no planned\.trial_id"):
        name_of({"context": {}})


def test_a_folder_that_cannot_be_used_is_named(tmp_path: Path):
    (tmp_path / "file").write_text("")
    with pytest.raises(HostError, match="cannot be made: File exists"):
        begin(trial(), ARGV, ADAPTER, str(tmp_path / "file"))


def test_whoever_may_send_and_not_write_there_goes_without(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    assert begin(trial(), ARGV, ADAPTER, str(tmp_path)) is None


def test_a_link_is_not_followed(tmp_path: Path):
    victim = tmp_path / "victim"
    victim.write_text("mine")
    (tmp_path / "journals").mkdir()
    (tmp_path / "journals/a-run--001-x.jsonl").symlink_to(victim)
    write(tmp_path / "journals")
    assert victim.read_text() == "mine"


def test_a_full_disk_does_not_end_the_trial(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    journal = Journal(trial(), ARGV, ADAPTER, str(tmp_path))

    def full(descriptor: int, content: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    journal.sample({"elapsed_seconds": 1}, NIC)
    journal.end({})
    monkeypatch.undo()
    os.close(journal._file)
    assert len(left(str(tmp_path))[0]) == 1


def test_a_module_that_failed_leaves_a_trial_with_its_reason():
    replay = {"interface": "ens4", "pcap": "/x.pcap", "pps": 100.0, "adapter": None}
    sent = failed({**trial(), "replay": replay}, "interface 'ens4': is down.\n  Bring it up.")
    assert sent["argv"] == ["tcpreplay", "--intf1=ens4", "--pps=100", "--loop=1", "/x.pcap"]
    assert sent["process"]["stopped_because"] == "interface 'ens4': is down. Bring it up."
    assert json.loads(json.dumps(sent)) == sent
