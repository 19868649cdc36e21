"""Build folders: those of ended builds are found, those of running builds are kept."""

from __future__ import annotations

import shutil
import subprocess
import sys

import pytest

from linerate.packages import build_folders
from linerate.packages.build_folders import build_folder, remove_unused, unused_folders

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


def test_a_folder_is_unused_once_its_build_has_been_killed(other, tmp_path):
    (folder,) = tmp_path.iterdir()
    (folder / "deep").mkdir()
    assert list(unused_folders(tmp_path, "build-")) == []
    other.kill()
    other.wait()
    assert list(unused_folders(tmp_path, "build-")) == [folder]
    with build_folder(str(tmp_path), "build-") as mine:
        assert list(tmp_path.iterdir()) == [mine]


def test_unused_folders_are_removed_once_as_check_mode_predicts(other, tmp_path):
    (tmp_path / "build-of-another-kernel/deep").mkdir(parents=True)
    predicted = remove_unused(tmp_path, "build-", check=True)
    assert predicted == (f"remove {tmp_path}/build-of-another-kernel",)
    assert remove_unused(tmp_path, "build-") == predicted
    assert remove_unused(tmp_path, "build-") == ()
    assert len(list(tmp_path.iterdir())) == 1


def test_other_names_files_and_links_are_not_build_folders(tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "build-link").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "build-file").touch()
    assert list(unused_folders(tmp_path, "build-")) == []
    assert list(unused_folders(tmp_path / "nowhere", "build-")) == []


def test_a_folder_that_another_process_removes_before_it_is_locked_is_replaced(tmp_path, monkeypatch):
    taken = []
    real = build_folders.lock

    def too_late(descriptor):
        if not taken:
            taken.extend(tmp_path.iterdir())
            shutil.rmtree(taken[0])
        return real(descriptor)

    monkeypatch.setattr(build_folders, "lock", too_late)
    with build_folder(str(tmp_path), "build-") as folder:
        assert folder.is_dir()
        assert taken != [folder]
