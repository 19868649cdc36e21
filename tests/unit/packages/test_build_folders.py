"""Folders to build in: what nobody works in any more is found, and what somebody does is left alone."""

from __future__ import annotations

import shutil
import subprocess
import sys

import pytest

from linerate.packages import build_folders as builds
from linerate.packages.build_folders import build_folder, left_in, remove_left

HOLD = """
import sys, time
from linerate.packages.build_folders import build_folder
with build_folder(sys.argv[1], "build-"):
    print(flush=True)
    time.sleep(600)
"""


@pytest.fixture
def other(tmp_path):
    """A build of another process."""
    with subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE) as process:
        process.stdout.readline()
        yield process
        process.kill()


def test_a_folder_is_left_once_its_build_has_been_killed(other, tmp_path):
    (folder,) = tmp_path.iterdir()
    (folder / "deep").mkdir()
    assert list(left_in(tmp_path, "build-")) == []
    other.kill()
    other.wait()
    assert list(left_in(tmp_path, "build-")) == [folder]
    with build_folder(str(tmp_path), "build-") as mine:
        assert list(tmp_path.iterdir()) == [mine]


def test_what_is_left_is_removed_as_foretold_and_once(other, tmp_path):
    (tmp_path / "build-of-another-kernel/deep").mkdir(parents=True)
    foretold = remove_left(tmp_path, "build-", check=True)
    assert foretold == (f"remove {tmp_path}/build-of-another-kernel",)
    assert remove_left(tmp_path, "build-") == foretold
    assert remove_left(tmp_path, "build-") == ()
    assert len(list(tmp_path.iterdir())) == 1


def test_only_folders_of_that_name_are_ours_and_links_are_not_followed(tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "build-link").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "build-file").touch()
    assert list(left_in(tmp_path, "build-")) == []
    assert list(left_in(tmp_path / "nowhere", "build-")) == []


def test_a_folder_that_another_takes_for_a_left_one_before_it_is_locked_is_made_anew(tmp_path, monkeypatch):
    taken = []
    real = builds.fcntl.flock

    def too_late(descriptor, how):
        if not taken:
            taken.extend(tmp_path.iterdir())
            shutil.rmtree(taken[0])
        return real(descriptor, how)

    monkeypatch.setattr(builds.fcntl, "flock", too_late)
    with build_folder(str(tmp_path), "build-") as folder:
        assert folder.is_dir()
        assert taken != [folder]
