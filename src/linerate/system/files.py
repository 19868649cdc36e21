"""Write files whole: a reader sees the old content or the new, never a part."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator

from ..errors import HostError, InputError


def regular_file(path: str) -> str:
    """The absolute path of the file that ``path`` names, links followed; it need not exist yet.

    Raises ``InputError`` for a folder or a device, which renaming a file over would destroy.
    """
    target = os.path.realpath(path)
    if os.path.exists(target) and not os.path.isfile(target):
        raise InputError("path", path, "is not a regular file", "Name a file.")
    return target


@contextlib.contextmanager
def replaced(path: str, mode: int = 0o644) -> Iterator[int]:
    """A descriptor to write to, which takes the place of ``path`` when the block ends well.

    It is a file beside ``path`` until then; it is removed when the block raises. ``mode`` is what
    it may be used for, as chmod(2) says it. ``OSError`` becomes ``HostError``.
    """
    target = regular_file(path)
    folder, name = os.path.split(target)
    try:
        # A name of 255 bytes has no room for more.
        descriptor, temporary = tempfile.mkstemp(prefix=f".{name[:40]}.", dir=folder)
        try:
            try:
                yield descriptor
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
    """Make the new name outlast a power failure, too."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_whole(path: str | os.PathLike[str], content: bytes, mode: int = 0o644) -> None:
    """Put ``content`` at ``path``, by default readable for everyone. On any error the old file stays."""
    with replaced(os.fspath(path), mode) as descriptor, open(descriptor, "wb", closefd=False) as file:
        file.write(content)
