"""Files on file systems that refuse what they do not have, and under a umask that keeps others out."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

import pytest

from linerate.errors import HostError
from linerate.system.files import make_folder, write_whole

REFUSALS = {"fsync": errno.EINVAL, "fchmod": errno.EPERM, "chmod": errno.EPERM}


@pytest.fixture
def refuse(monkeypatch):
    """A function that makes a system call fail; fsync(2) for folders only."""

    def start(name: str, number: int = 0) -> None:
        real = getattr(os, name)

        def call(target, *arguments):
            folder = name != "fsync" or stat.S_ISDIR(os.fstat(target).st_mode)
            if folder:
                raise OSError(number or REFUSALS[name], os.strerror(number or REFUSALS[name]))
            return real(target, *arguments)

        monkeypatch.setattr(os, name, call)

    return start


@pytest.mark.parametrize("name", REFUSALS)
def test_a_file_is_written_where_the_file_system_does_not_support_a_call(tmp_path, refuse, name):
    refuse(name)
    make_folder(tmp_path / "new")
    write_whole(tmp_path / "new/file", b"content")
    assert (tmp_path / "new/file").read_bytes() == b"content"
    assert os.listdir(tmp_path / "new") == ["file"]


def test_a_real_failure_of_the_disk_is_an_error(tmp_path, refuse):
    refuse("fsync", errno.EIO)
    with pytest.raises(HostError, match="cannot be written: Input/output error"):
        write_whole(tmp_path / "file", b"content")


def test_the_parents_of_a_folder_are_readable_under_any_umask(tmp_path: Path):
    before = os.umask(0o077)
    try:
        make_folder(tmp_path / "a/b/c")
        make_folder(tmp_path / "a")
    finally:
        os.umask(before)
    assert {stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("a", "a/b", "a/b/c")} == {0o755}
