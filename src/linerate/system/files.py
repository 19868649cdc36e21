"""Write files atomically: a reader sees the old content or the new, never a part."""

from __future__ import annotations

import contextlib
import errno
import os
import tempfile
from collections.abc import Iterator

from ..errors import HostError, InputError

_UNSUPPORTED = (errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP, errno.EPERM, errno.EACCES, errno.EBADF)
"""How a file system refuses what it does not have: shared folders (CIFS, vboxsf, sshfs) and FAT, among others."""


@contextlib.contextmanager
def where_supported() -> Iterator[None]:
    """Do what makes a file safer or tidier, and go on where its file system does not have it."""
    try:
        yield
    except OSError as error:
        if error.errno not in _UNSUPPORTED:
            raise


def make_folder(path: str | os.PathLike[str], mode: int = 0o755) -> None:
    """Make a folder with its parents, with ``mode`` whatever the umask; one that exists is left as it is. OSError."""
    missing = os.path.abspath(path)
    parents = []
    while not os.path.isdir(missing):
        parents.append(missing)
        missing = os.path.dirname(missing)
    for parent in reversed(parents):
        with contextlib.suppress(FileExistsError):
            os.mkdir(parent)
            with where_supported():
                os.chmod(parent, mode)


def regular_file(path: str) -> str:
    """The absolute path of the file ``path``, with links resolved; it need not exist yet.

    InputError for a folder or a device: a rename would destroy it.
    """
    target = os.path.realpath(path)
    if os.path.exists(target) and not os.path.isfile(target):
        raise InputError("path", path, "is not a regular file", "Use the path of a file.")
    return target


@contextlib.contextmanager
def replaced(path: str, mode: int = 0o644) -> Iterator[int]:
    """A descriptor to write to, of a temporary file that replaces ``path`` when the block succeeds.

    The temporary file is in the same folder, and is removed if the block raises. ``mode`` is that of chmod(2). An
    OSError becomes a HostError.
    """
    target = regular_file(path)
    folder, name = os.path.split(target)
    try:
        # The prefix is cut, since a name may have 255 bytes already.
        descriptor, temporary = tempfile.mkstemp(prefix=f".{name[:40]}.", dir=folder)
        try:
            try:
                yield descriptor
                with where_supported():
                    os.fchmod(descriptor, mode)
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
            os.replace(temporary, target)
        except BaseException:
            os.unlink(temporary)
            raise
        _sync_folder(folder)
    except OSError as error:
        raise HostError(
            "file", path, f"cannot be written: {error.strerror}", f"Make {folder} a writable folder with enough room."
        ) from error


def _sync_folder(folder: str) -> None:
    """Make the new name survive a power failure."""
    with where_supported():
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def write_whole(path: str | os.PathLike[str], content: bytes, mode: int = 0o644) -> None:
    """Replace the content of ``path``, by default readable for everyone; on an error the old file stays."""
    with replaced(os.fspath(path), mode) as descriptor, open(descriptor, "wb", closefd=False) as file:
        file.write(content)
