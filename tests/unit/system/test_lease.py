"""The lease of a host: one holder at a time, until it is released, expires, or the host was booted."""

from __future__ import annotations

import json
import os
import stat
import tempfile
from dataclasses import replace
from pathlib import Path

import pytest

from linerate.errors import HostError
from linerate.system import lease as module
from linerate.system.lease import FILE, Lease, LeasedError, at_work, current, hold, place, refuse_leased, release

OURS = Lease("a-run 1", "a-run", "ann@alpha", "2026-01-01T00:00:00.000Z", {"pid": 1}, 100.0)
THEIRS = Lease("b-run 2", "b-run", "bob@beta", "2026-01-02T00:00:00.000Z", {"pid": 2}, 100.0)


class Clock:
    now = 5000.0


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> type[Clock]:
    monkeypatch.setattr(module, "_now", lambda: Clock.now)
    Clock.now = 5000.0
    return Clock


@pytest.fixture
def root(tmp_path: Path, clock: type[Clock]) -> str:
    return str(tmp_path)


def test_a_second_run_is_told_who_holds_the_host_and_since_when(root: str) -> None:
    assert hold(THEIRS, root=root)
    with pytest.raises(LeasedError) as caught:
        hold(OURS, root=root)
    assert caught.value.lease == THEIRS
    assert "is in use by run b-run of bob@beta since 2026-01-02T00:00:00.000Z" in str(caught.value)
    assert "(its lease ends in 100 s unless that run renews it)" in str(caught.value)
    with pytest.raises(LeasedError):
        refuse_leased("a-run 1", root=root)
    with pytest.raises(LeasedError), at_work(None, 5, root):
        pass
    assert current(root) == THEIRS


def test_the_holder_renews_it_and_does_not_take_it_again(root: str, clock: type[Clock]) -> None:
    assert hold(OURS, root=root)
    clock.now += 90
    assert not hold(OURS, root=root)
    clock.now += 90
    refuse_leased("a-run 1", root=root)
    with pytest.raises(LeasedError):
        hold(THEIRS, root=root)


def test_it_expires_and_another_run_takes_it(root: str, clock: type[Clock]) -> None:
    hold(THEIRS, root=root)
    clock.now += 101
    assert current(root) is None
    refuse_leased(root=root)
    assert hold(OURS, root=root)
    with pytest.raises(LeasedError):
        hold(THEIRS, root=root)


def test_it_lasts_as_long_as_a_work_and_its_idle_time_after_that(root: str, clock: type[Clock]) -> None:
    with at_work(OURS, 1000, root):
        clock.now += 1050
        assert current(root) == OURS
    clock.now += 99
    assert current(root) == OURS
    clock.now += 2
    assert current(root) is None


def test_a_work_that_ends_after_its_run_does_not_take_the_host_again(root: str) -> None:
    with at_work(OURS, 1000, root):
        release("a-run 1", root)
    assert current(root) is None
    with at_work(OURS, 1000, root):
        release("a-run 1", root)
        hold(THEIRS, root=root)
    assert current(root) == THEIRS


def test_a_lease_whose_owner_has_ended_is_taken_over_and_no_other(root: str) -> None:
    hold(THEIRS, root=root)
    with pytest.raises(LeasedError):
        hold(OURS, root=root, ended="c-run 3")
    assert hold(OURS, root=root, ended="b-run 2")


def test_only_its_holder_releases_it(root: str) -> None:
    assert not release("a-run 1", root)
    hold(THEIRS, root=root)
    assert not release("a-run 1", root)
    assert release("b-run 2", root, check=True)
    assert current(root) == THEIRS
    assert release("b-run 2", root)
    assert list(Path(root, FILE).parent.iterdir()) == []


def test_a_boot_ends_it(root: str) -> None:
    hold(THEIRS, root=root)
    path = Path(root, FILE)
    path.write_text(json.dumps({**json.loads(path.read_text()), "boot": "another"}))
    assert current(root) is None
    assert hold(OURS, root=root)


@pytest.mark.parametrize("content", ["", "{", "[]", "7", '{"lease": {}}', '{"lease": {}, "expires": "x", "boot": ""}'])
def test_a_file_that_is_not_a_lease_holds_nothing(root: str, content: str) -> None:
    hold(THEIRS, root=root)
    Path(root, FILE).write_text(content)
    refuse_leased(root=root)
    assert hold(OURS, root=root)


def test_every_user_may_read_it(root: str) -> None:
    hold(OURS, root=root)
    assert stat.S_IMODE(Path(root, FILE).stat().st_mode) == 0o644
    assert stat.S_IMODE(Path(root, FILE).parent.stat().st_mode) & 0o755 == 0o755


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_another_user_is_told_who_holds_the_host() -> None:
    with tempfile.TemporaryDirectory() as root:
        Path(root).chmod(0o755)
        hold(THEIRS, root=root)
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            try:
                os.setuid(65534)
                for attempt in (lambda: refuse_leased(root=root), lambda: hold(OURS, root=root)):
                    try:
                        attempt()
                    except LeasedError as error:
                        os.write(writing, error.lease.holder.encode())
            finally:
                os._exit(0)
        os.close(writing)
        os.waitpid(child, 0)
        assert os.read(reading, 100) == b"bob@betabob@beta"
        os.close(reading)


def test_a_folder_that_cannot_be_used_is_named(root: str) -> None:
    Path(root, "run").write_text("")
    with pytest.raises(HostError, match="cannot be created"):
        hold(OURS, root=root)


def test_a_host_is_known_by_its_boot_and_its_own_files(tmp_path: Path) -> None:
    for name in ("one", "other"):
        (tmp_path / name / "run").mkdir(parents=True)
    first = place(str(tmp_path / "one"))
    assert first == place(str(tmp_path / "one")) != place(str(tmp_path / "other"))


def test_of_two_runs_that_start_together_one_holds_the_host(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    children = []
    for number in range(8):
        pid = os.fork()
        if pid == 0:
            try:
                hold(replace(OURS, id=str(number)), root=str(tmp_path))
                os.write(writing, b"x")
            finally:
                os._exit(0)
        children.append(pid)
    for pid in children:
        os.waitpid(pid, 0)
    os.close(writing)
    assert os.read(reading, 100) == b"x"
    os.close(reading)
