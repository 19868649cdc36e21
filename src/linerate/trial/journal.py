"""The journal of a trial: what is known of it so far, written as it comes, so that it outlasts its writer.

One file per trial, readable by its owner alone and of bounded size: a line with the trial, a line for each sample, and
a last line with the whole result. The writer holds a lock on it, which the kernel releases when the writer dies.
"""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from ..clock import utc_now
from ..errors import HostError, InputError, LinerateError
from ..nic.counters import SENDING, SenderNic
from ..receiver.sampler import Sample
from ..system.lock import lock
from .engines.registry import engine_of
from .evidence import Adapter, Process, Sent
from .model import Trial

FOLDER = "/var/lib/linerate/trials"
MAX_SAMPLES_BYTES = 4 * 1024 * 1024
MAX_JOURNALS = 64
KILLED = "the module that supervised it was killed"

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,248}")
"""A file's name has at most 255 bytes (NAME_MAX), ``.jsonl`` among them."""


def name_of(trial: Trial) -> str:
    """The name of a trial's journal. InputError where it is not a plain file name."""
    return journal_name(trial.bench.run_id, trial.trial_id)


def journal_name(run_id: str, trial_id: str) -> str:
    """The name of the journal of a trial, by its ids. InputError where it is not a plain file name."""
    return _checked(f"{run_id}--{trial_id}")


def _checked(name: str) -> str:
    if not _NAME.fullmatch(name):
        hint = "Use letters, digits, dots and dashes, at most 249."
        raise InputError("journal", name, "is not a short plain file name", hint)
    return name


class Journal:
    """A journal that is being written, in an existing folder; HostError where that is not possible."""

    def __init__(self, trial: Trial, argv: Sequence[str], folder: str, driver: str | None = None) -> None:
        path = Path(folder, f"{name_of(trial)}.jsonl")
        self._bytes = 0
        try:
            _make_room(path)
            path.unlink(missing_ok=True)
            self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_NOFOLLOW, 0o600)
            lock(self._file)
        except OSError as error:
            hint = f"Make {folder} a folder that this user may write to."
            raise HostError("journal", str(path), f"cannot be written: {error.strerror}", hint) from error
        self._write({"trial": trial.to_json(), "argv": list(argv), "driver": driver, "started_at": utc_now()})

    def sample(self, sample: Sample, nic: SenderNic) -> None:
        """Add an interval and the counters at its end; beyond :data:`MAX_SAMPLES_BYTES` no more are kept."""
        if self._bytes < MAX_SAMPLES_BYTES:
            self._write({"sample": asdict(sample), "nic": nic.to_json()})

    def end(self, sent: Sent) -> None:
        """Add the whole result."""
        self._write({"sent": sent.to_json()})

    def _write(self, line: Mapping[str, Any]) -> None:
        content = json.dumps(line, separators=(",", ":")).encode() + b"\n"
        self._bytes += len(content)
        try:
            os.write(self._file, content)
        except OSError:
            # A full disk must not end a good trial, whose result is returned as well.
            self._bytes = MAX_SAMPLES_BYTES


def start(trial: Trial, argv: Sequence[str], folder: str, driver: str | None = None) -> Journal | None:
    """A journal for ``trial``; None where this user may not write there: to send, CAP_NET_RAW is enough."""
    try:
        Path(folder).mkdir(mode=0o700, parents=True, exist_ok=True)
    except PermissionError:
        return None
    except OSError as error:
        raise HostError("folder", folder, f"cannot be created: {error.strerror}", "Create it.") from error
    return Journal(trial, argv, folder, driver) if os.access(folder, os.W_OK | os.X_OK) else None


def _make_room(path: Path) -> None:
    """Remove the journals of the same run: its next trial starts when the last is stored. Keep a bounded number."""
    run = path.name.partition("--")[0]
    found = sorted(path.parent.glob("*.jsonl"), key=lambda other: other.stat().st_mtime)
    for position, other in enumerate(found):
        if other.name.partition("--")[0] == run or position <= len(found) - MAX_JOURNALS:
            other.unlink(missing_ok=True)


@dataclass(frozen=True)
class Interrupted:
    """A trial that was started here, whose writer is gone, and the sender's half of it as far as it is known."""

    name: str
    trial: Trial
    sent: Sent

    def to_json(self) -> dict[str, Any]:
        return {"name": self.name, "trial": self.trial.to_json(), "sent": self.sent.to_json()}


def interrupted(
    folder: str = FOLDER, wait_seconds: float = 0.0, only: str | None = None
) -> tuple[list[Interrupted], list[str]]:
    """The journals here that nobody writes any more, oldest first, and what is wrong with others.

    A journal that is still written, or whose cleanup is not over, is waited for, ``wait_seconds`` in all.
    """
    found: list[Interrupted] = []
    wrong: list[str] = []
    end = time.monotonic() + wait_seconds
    for path in sorted(Path(folder).glob(f"{_checked(only)}.jsonl" if only else "*.jsonl")):
        try:
            with path.open("rb") as file:
                if lock(file.fileno(), max(0.0, end - time.monotonic()), share=True):
                    found.append(_read(path, file.read(), os.fstat(file.fileno()).st_mtime))
        except (OSError, ValueError, KeyError, TypeError, AttributeError, LinerateError) as error:
            wrong.append(f"{path}: is not a journal ({error}); remove it")
    return found, wrong


def forget(names: Sequence[str], folder: str = FOLDER, check: bool = False) -> list[str]:
    """Remove the journals of these names; returns those that existed. InputError where one is not a plain name."""
    paths = [Path(folder, f"{_checked(name)}.jsonl") for name in names]
    existing = [path for path in paths if path.exists()]
    if not check:
        for path in existing:
            path.unlink(missing_ok=True)
    return [path.stem for path in existing]


def _read(path: Path, content: bytes, written_at: float) -> Interrupted:
    first, *others = content.split(b"\n")
    head = json.loads(first)
    # A line may be cut by the writer's death or a full disk.
    lines = [line for line in map(_object, others) if line]
    trial = Trial.from_json(head["trial"])
    if path.stem != name_of(trial):
        raise ValueError("it names another trial")
    if lines and "sent" in lines[-1]:
        return Interrupted(path.stem, trial, Sent.from_json(lines[-1]["sent"]))
    return Interrupted(path.stem, trial, _unfinished(head, trial, lines, written_at))


def _object(line: bytes) -> dict[str, Any]:
    try:
        found = json.loads(line)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _unfinished(head: Mapping[str, Any], trial: Trial, lines: list[dict[str, Any]], written_at: float) -> Sent:
    sampled = [line for line in lines if "sample" in line]
    samples = tuple(Sample(**line["sample"]) for line in sampled)
    unsent = not_sent(trial, head["argv"], KILLED)
    return replace(
        unsent,
        started_at=head["started_at"],
        # A file's time may be some milliseconds behind the clock.
        ended_at=max(head["started_at"], utc_now(written_at)),
        process=replace(unsent.process, elapsed_seconds=samples[-1].elapsed_seconds if samples else 0),
        nic=SenderNic.from_json(sampled[-1]["nic"]) if sampled else unsent.nic,
        samples=samples,
        adapter=replace(unsent.adapter, driver=head["driver"]),
    )


def failed(trial: Trial, reason: str) -> Sent:
    """The sender's half of ``trial`` where no more is known than the ``reason`` why it came to nothing."""
    return not_sent(trial, engine_of(trial.method).command(trial), " ".join(reason.split()))


def not_sent(trial: Trial, argv: Sequence[str], reason: str) -> Sent:
    """The sender's half of a trial of which nothing is known but why it came to nothing."""
    now = utc_now()
    return Sent(
        argv=tuple(argv),
        started_at=now,
        ended_at=now,
        process=Process(None, (), False, reason, 0, "", 0, None),
        claim=None,
        claim_error="there are no statistics of the sending program",
        nic=SenderNic("not known", *(None for _ in SENDING)),
        samples=(),
        cpu_percent=None,
        core_busy_percent=None,
        adapter=Adapter(trial.method.adapter),
        recovery=None,
    )
