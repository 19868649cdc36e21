"""What is known of a trial so far, written as it comes, so that it outlasts whoever watches the trial.

One file a trial, readable by its owner alone and of bounded size: a line with what was planned, a line for each
sample, and a last line with the whole result. The writer holds a lock on it that the kernel lets go when it dies.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..clock import utc_now
from ..errors import HostError, InputError, LinerateError
from ..nic.counters import SENDING
from ..tcpreplay.options import ReplayOptions, build_argv

FOLDER = "/var/lib/linerate/trials"
MAX_SAMPLES_BYTES = 4 * 1024 * 1024
MAX_JOURNALS = 64
LOOK_SECONDS = 0.1
KILLED = "the module that watched it was killed"

_TRIAL = ("replay", "witnesses")
"""What is needed of a trial, beside its names, to judge and store it."""
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,248}")
"""A file's name has at most 255 bytes (NAME_MAX), ``.jsonl`` among them."""


def name_of(trial: Mapping[str, Any]) -> str:
    """The journal's name of a trial that linerate_run returned. InputError where it is no plain file name."""
    try:
        name = f"{trial['context']['run_id']}--{trial['planned']['trial_id']}"
    except (KeyError, TypeError) as error:
        hint = "Give one of the trials that linerate_run returned."
        raise InputError("trial", None, "has no context.run_id or no planned.trial_id", hint) from error
    return _checked(name)


def _checked(name: str) -> str:
    if not _NAME.fullmatch(name):
        hint = "Give letters, digits, dots and dashes, at most 249."
        raise InputError("journal", name, "is not a short plain file name", hint)
    return name


class Journal:
    """A journal that is being written, in a folder that is there; HostError where that is not possible."""

    def __init__(self, trial: Mapping[str, Any], argv: list[str], adapter: Mapping[str, Any], folder: str) -> None:
        path = Path(folder, f"{name_of(trial)}.jsonl")
        self._bytes = 0
        try:
            _make_room(path)
            path.unlink(missing_ok=True)
            self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_NOFOLLOW, 0o600)
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            hint = f"Make {folder} a folder that this user may write to."
            raise HostError("journal", str(path), f"cannot be written: {error.strerror}", hint) from error
        self._write({"trial": trial, "argv": argv, "adapter": adapter, "started_at": utc_now()})

    def sample(self, sample: Mapping[str, Any], nic: Mapping[str, Any]) -> None:
        """Add an interval and the counters at its end; beyond :data:`MAX_SAMPLES_BYTES` no more are kept."""
        if self._bytes < MAX_SAMPLES_BYTES:
            self._write({"sample": sample, "nic": nic})

    def end(self, sent: Mapping[str, Any]) -> None:
        """Add the whole result."""
        self._write({"sent": sent})

    def _write(self, line: Mapping[str, Any]) -> None:
        content = json.dumps(line, separators=(",", ":")).encode() + b"\n"
        self._bytes += len(content)
        try:
            os.write(self._file, content)
        except OSError:
            # A full disk must not end a trial that goes well; its result has another way, too.
            self._bytes = MAX_SAMPLES_BYTES


def begin(trial: Mapping[str, Any], argv: list[str], adapter: Mapping[str, Any], folder: str) -> Journal | None:
    """A journal for ``trial``; None where this user may not write there: to send, CAP_NET_RAW is enough."""
    try:
        Path(folder).mkdir(mode=0o700, parents=True, exist_ok=True)
    except PermissionError:
        return None
    except OSError as error:
        raise HostError("folder", folder, f"cannot be made: {error.strerror}", "Make it.") from error
    return Journal(trial, argv, adapter, folder) if os.access(folder, os.W_OK | os.X_OK) else None


def _make_room(path: Path) -> None:
    """Remove the journals of the same run: its next trial begins when the last is stored. Keep a bounded number."""
    run = path.name.partition("--")[0]
    found = sorted(path.parent.glob("*.jsonl"), key=lambda other: other.stat().st_mtime)
    for position, other in enumerate(found):
        if other.name.partition("--")[0] == run or position <= len(found) - MAX_JOURNALS:
            other.unlink(missing_ok=True)


@dataclass(frozen=True)
class Left:
    """A trial that somebody began here: ``trial`` as it was planned, and ``sent`` as replay() gives it."""

    name: str
    trial: Mapping[str, Any]
    sent: Mapping[str, Any]


def left(folder: str = FOLDER, wait_seconds: float = 0.0, only: str | None = None) -> tuple[list[Left], list[str]]:
    """The journals here that nobody writes any more, oldest first, and what is wrong with others.

    Of one that is still written, or whose cleaning up is not over, the end is awaited for up to ``wait_seconds``.
    """
    found: list[Left] = []
    wrong: list[str] = []
    end = time.monotonic() + wait_seconds
    for path in sorted(Path(folder).glob(f"{_checked(only)}.jsonl" if only else "*.jsonl")):
        try:
            with path.open("rb") as file:
                if not _unlocked(file.fileno(), end):
                    continue
                found.append(_read(path, file.read(), os.fstat(file.fileno()).st_mtime))
        except (OSError, ValueError, KeyError, TypeError, AttributeError, LinerateError) as error:
            wrong.append(f"{path}: is not a journal ({error}); remove it")
    return found, wrong


def forget(names: list[str], folder: str = FOLDER, check: bool = False) -> list[str]:
    """Remove the journals of these names; those that were there. InputError where one is no plain file name."""
    paths = [Path(folder, f"{_checked(name)}.jsonl") for name in names]
    there = [path for path in paths if path.exists()]
    if not check:
        for path in there:
            path.unlink(missing_ok=True)
    return [path.stem for path in there]


def _unlocked(descriptor: int, end: float) -> bool:
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
            return True
        except BlockingIOError:
            if time.monotonic() >= end:
                return False
            time.sleep(LOOK_SECONDS)


def _read(path: Path, content: bytes, written_at: float) -> Left:
    first, *others = content.split(b"\n")
    head = json.loads(first)
    # A line may be cut by the writer's death or a full disk.
    lines = [line for line in map(_object, others) if line]
    trial = head["trial"]
    if path.stem != name_of(trial):
        raise ValueError("it names another trial")
    if missing := [part for part in _TRIAL if part not in trial]:
        raise ValueError(f"its trial has no {' and no '.join(missing)}")
    if lines and "sent" in lines[-1]:
        return Left(path.stem, trial, lines[-1]["sent"])
    return Left(path.stem, trial, _unfinished(head, [line for line in lines if "sample" in line], written_at))


def _object(line: bytes) -> dict[str, Any]:
    try:
        found = json.loads(line)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _unfinished(head: Mapping[str, Any], lines: list[Mapping[str, Any]], written_at: float) -> dict[str, Any]:
    return {
        **(nothing := not_sent(head["argv"], KILLED, head["adapter"])),
        "started_at": head["started_at"],
        # A file's time may be some milliseconds behind the clock.
        "ended_at": max(head["started_at"], utc_now(written_at)),
        "process": {
            **nothing["process"],
            "elapsed_seconds": lines[-1]["sample"]["elapsed_seconds"] if lines else 0,
        },
        "nic": lines[-1]["nic"] if lines else nothing["nic"],
        "samples": [line["sample"] for line in lines],
    }


def failed(trial: Mapping[str, Any], because: str) -> dict[str, Any]:
    """What replay() would give for ``trial``, as linerate_run returned it, of which no more is known than that."""
    options = dict(trial["replay"])
    adapter = {"kind": options.pop("adapter")}
    return not_sent(build_argv(ReplayOptions(**options)), " ".join(because.split()), adapter)


def not_sent(argv: list[str], because: str, adapter: Mapping[str, Any]) -> dict[str, Any]:
    """What replay() would give for a trial of which nothing is known but why it came to nothing."""
    now = utc_now()
    return {
        "argv": argv,
        "started_at": now,
        "ended_at": now,
        "process": {
            "exit_status": None,
            "signals_sent": [],
            "deadline_exceeded": False,
            "stopped_because": because,
            "elapsed_seconds": 0,
            "stderr": "",
            "stderr_bytes": 0,
            "cpus_allowed": None,
        },
        "claim": None,
        "claim_error": "there are no statistics of tcpreplay",
        "adapter": {"kind": adapter.get("kind"), "found": None, "driver": adapter.get("driver"), "evidence": []},
        "recovery": None,
        "nic": {"source": "not known", **dict.fromkeys(SENDING)},
        "samples": [],
        "cpu_percent": None,
        "core_busy_percent": None,
    }
