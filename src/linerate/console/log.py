"""The full log of Ansible: kept in a temporary file until the folder of the run is known, then in that folder."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from pathlib import Path
from typing import TextIO

NAME = "ansible.log"


class Log:
    """A log that follows the run. Where it cannot be written any more, it ends: it must not end a run."""

    def __init__(self, fallback: Path) -> None:
        """``fallback`` is the folder that takes the log of a playbook without a run."""
        self._fallback = fallback
        descriptor, name = tempfile.mkstemp(prefix="linerate-", suffix=".log")
        self._temporary = Path(name)
        self._whole: TextIO | None = os.fdopen(descriptor, "w", encoding="utf-8", errors="backslashreplace")
        self._run: TextIO | None = None
        self.path: Path | None = None

    def write(self, text: str) -> None:
        """Append ``text``, at once."""
        for file in (self._whole, self._run):
            if file is not None:
                with contextlib.suppress(OSError, ValueError):
                    file.write(text)
                    file.flush()

    @property
    def where(self) -> Path:
        """Where the log is, or will be when it ends."""
        return self.path or self._fallback / NAME

    def move_to(self, run_dir: str) -> None:
        """Go on in the folder ``run_dir``, if it exists, with what was written so far.

        A second run of the same playbook gets the log from its beginning, too. A resumed run keeps that of its first
        part.
        """
        path = Path(run_dir, NAME)
        if path == self.path:
            return
        try:
            file = path.open("a", encoding="utf-8", errors="backslashreplace")
            with self._temporary.open(encoding="utf-8", errors="replace") as whole:
                shutil.copyfileobj(whole, file)
            file.flush()
        except OSError:
            return
        if self._run is not None:
            self._run.close()
        self._run, self.path = file, path

    def close(self) -> None:
        """End the log; without a run it goes to the folder for that, or stays where it is if it cannot."""
        for file in (self._whole, self._run):
            if file is not None:
                with contextlib.suppress(OSError, ValueError):
                    file.close()
        self._whole = self._run = None
        with contextlib.suppress(OSError):
            if self.path is None:
                self._fallback.mkdir(exist_ok=True)
                self.path = Path(shutil.copyfile(self._temporary, self._fallback / NAME))
            self._temporary.unlink()
